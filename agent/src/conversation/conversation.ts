import { PippaError, type ChatMessage } from '@pippa/core';
import type { AnswerPart, Partner } from './partner.ts';

/** A dialogue with its history. What no longer fits the context is left out, oldest exchange first. */
export class Conversation {
  readonly #partner: Partner;
  #system: string | undefined;
  #messages: ChatMessage[] = [];
  /** Messages left out because the context is full, since the last `clear`. */
  droppedMessages = 0;

  constructor(partner: Partner) {
    this.#partner = partner;
  }

  /** Forgets everything but the system prompt. */
  clear(): void {
    this.#messages = [];
    this.droppedMessages = 0;
  }

  setSystem(text: string): void {
    this.#system = text === '' ? undefined : text;
  }

  /** Streams the answer. A stopped answer stays in the history as far as it came; a question that failed does not. */
  async *ask(question: string, signal: AbortSignal): AsyncIterable<AnswerPart> {
    this.#messages.push({ role: 'user', content: question });
    let answered = '';
    try {
      for await (const part of this.#answer(signal)) {
        if (part.kind === 'text') answered += part.text;
        yield part;
      }
    } finally {
      if (answered === '') this.#messages.pop();
      else this.#messages.push({ role: 'assistant', content: answered });
    }
  }

  async *#answer(signal: AbortSignal): AsyncIterable<AnswerPart> {
    for (;;) {
      const system: ChatMessage[] = this.#system === undefined ? [] : [{ role: 'system', content: this.#system }];
      try {
        // The context is checked before the first part, so nothing is ever said twice.
        yield* this.#partner.answer([...system, ...this.#messages], { signal });
        return;
      } catch (error) {
        if (!isContextFull(error) || this.#messages.length < 3) throw error;
        this.#messages.splice(0, 2);
        this.droppedMessages += 2;
      }
    }
  }
}

function isContextFull(error: unknown): boolean {
  return error instanceof PippaError && error.code === 'context_length_exceeded';
}
