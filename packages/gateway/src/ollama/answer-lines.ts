import type { Clock, TextEvent } from '@pippa/core';
import { describeError } from '../http/error-body.ts';
import { JSON_LINES } from '../http/stream-format.ts';
import type { ChoiceCollector, ChoiceEncoder, StreamFraming } from '../openai/answer.ts';
import type { FinishEvent } from '../openai/generations.ts';
import { CallAssembler, finishFields, ollamaLogprobs } from './answer-parts.ts';
import type { OllamaLogprob, OllamaToolCall } from './answer-parts.ts';
import type { OllamaContent, OllamaShape } from './answer-shape.ts';
import { ollamaError } from './error-body.ts';

export interface OllamaAnswerOptions {
  /** As the client names it. */
  readonly model: string;
  readonly shape: OllamaShape;
  readonly showThinking: boolean;
  readonly clock: Pick<Clock, 'wallMs'>;
}

/** Encodes an answer as lines of JSON, one for each piece of text and each whole call. */
export class AnswerLineEncoder implements ChoiceEncoder {
  #options: OllamaAnswerOptions;
  #calls = new CallAssembler();

  constructor(options: OllamaAnswerOptions) {
    this.#options = options;
  }

  encode(event: TextEvent): string {
    switch (event.kind) {
      case 'text':
        return this.#flush() + this.#text(event);
      case 'reasoning':
        if (event.text === '' || !this.#options.showThinking) return '';
        return this.#flush() + this.#line({ text: '', thinking: event.text }, { done: false });
      case 'tool_call': {
        const call = this.#calls.take(event);
        return call === undefined ? '' : this.#call(call);
      }
      case 'finish':
        return this.#flush() + this.#line({ text: '' }, finishFields(event));
    }
  }

  #text({ text, logprobs }: Extract<TextEvent, { kind: 'text' }>): string {
    if (logprobs !== undefined && logprobs.length > 0)
      return this.#line({ text }, { done: false, logprobs: ollamaLogprobs(logprobs) });
    return text === '' ? '' : this.#line({ text }, { done: false });
  }

  #flush(): string {
    const call = this.#calls.end();
    return call === undefined ? '' : this.#call(call);
  }

  #call(call: OllamaToolCall): string {
    return this.#line({ text: '', calls: [call] }, { done: false });
  }

  #line(content: OllamaContent, fields: object): string {
    return `${JSON.stringify({ ...head(this.#options), ...this.#options.shape(content), ...fields })}\n`;
  }
}

/** Gathers an answer that is sent whole. */
export class OllamaCollector implements ChoiceCollector {
  #options: OllamaAnswerOptions;
  #assembler = new CallAssembler();
  #text = '';
  #thinking = '';
  #calls: OllamaToolCall[] = [];
  #logprobs: OllamaLogprob[] = [];

  constructor(options: OllamaAnswerOptions) {
    this.#options = options;
  }

  take(event: TextEvent): void {
    if (event.kind === 'text') {
      this.#text += event.text;
      this.#logprobs.push(...ollamaLogprobs(event.logprobs ?? []));
    } else if (event.kind === 'reasoning') {
      if (this.#options.showThinking) this.#thinking += event.text;
    } else {
      const call = event.kind === 'tool_call' ? this.#assembler.take(event) : this.#assembler.end();
      if (call !== undefined) this.#calls.push(call);
    }
  }

  answer(finish: FinishEvent): object {
    const content: OllamaContent = {
      text: this.#text,
      ...(this.#thinking === '' ? {} : { thinking: this.#thinking }),
      ...(this.#calls.length === 0 ? {} : { calls: this.#calls }),
    };
    return {
      ...head(this.#options),
      ...this.#options.shape(content),
      ...(this.#logprobs.length === 0 ? {} : { logprobs: this.#logprobs }),
      ...finishFields(finish),
    };
  }
}

/** The answer to a request without a prompt: the model is there. */
export function loadedAnswer(options: OllamaAnswerOptions): object {
  return { ...head(options), ...options.shape({ text: '' }), done: true, done_reason: 'load' };
}

export const ollamaFraming: StreamFraming = {
  format: JSON_LINES,
  closing: () => '',
  failure: (error) => `${JSON.stringify(ollamaError(describeError(error)).body)}\n`,
};

const head = ({ model, clock }: OllamaAnswerOptions) => ({ model, created_at: new Date(clock.wallMs()).toISOString() });
