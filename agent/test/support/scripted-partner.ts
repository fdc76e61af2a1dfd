import { PippaError, type ChatMessage } from '@pippa/core';
import type { AnswerPart, Partner } from '../../src/conversation/partner.ts';

export class ContextFullError extends PippaError {
  readonly code = 'context_length_exceeded';
}

/** A partner with a context of `contextMessages` messages; it answers what `reply` yields. */
export class ScriptedPartner implements Partner {
  readonly model = 'scripted';
  readonly place = 'in this test';
  /** What it was asked, in order. */
  readonly asked: (readonly ChatMessage[])[] = [];
  stopped = false;
  readonly #reply: (messages: readonly ChatMessage[], signal: AbortSignal) => AsyncIterable<string>;
  readonly #contextMessages: number;

  constructor(
    reply: (messages: readonly ChatMessage[], signal: AbortSignal) => AsyncIterable<string>,
    contextMessages = Number.POSITIVE_INFINITY,
  ) {
    this.#reply = reply;
    this.#contextMessages = contextMessages;
  }

  async *answer(messages: readonly ChatMessage[], { signal }: { readonly signal: AbortSignal }): AsyncIterable<AnswerPart> {
    this.asked.push([...messages]);
    if (messages.length > this.#contextMessages) throw new ContextFullError('The prompt is too long.');
    let generatedTokens = 0;
    for await (const text of this.#reply(messages, signal)) {
      generatedTokens += 1;
      yield { kind: 'text', text };
    }
    yield { kind: 'finish', reason: 'stop', promptTokens: messages.length, generatedTokens };
  }

  async stop(): Promise<void> {
    this.stopped = true;
  }
}

/** Says `first`, then nothing more until it is stopped. */
export async function* endless(first: string, signal: AbortSignal): AsyncIterable<string> {
  yield first;
  await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}

/** Repeats the last message in capital letters. */
export async function* shout(messages: readonly ChatMessage[]): AsyncIterable<string> {
  yield (messages.at(-1)?.content ?? '').toUpperCase();
}
