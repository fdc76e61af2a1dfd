import type { TextEvent } from '@pippa/core';
import type { AnswerIdentity } from './answer-identity.ts';
import type { ChoiceEncoder } from './answer.ts';
import type { FinishEvent } from './generations.ts';
import { chatTokenLogprobs } from './logprobs.ts';
import { totalTimings, totalUsage } from './usage.ts';

/**
 * Encodes one choice of a streamed chat completion. All that repeats is built once; only the new text goes through
 * `JSON.stringify`, because this runs for every token.
 */
export class ChatChoiceEncoder implements ChoiceEncoder {
  #open: string;
  #closeUsage: string;
  #close: string;
  #contentOpen: string;
  #contentClose: string;
  #begun = false;

  constructor(identity: AnswerIdentity, index: number, includeUsage: boolean) {
    this.#open = `${chunkHead(identity)}"choices":[{"index":${index},"delta":`;
    // With the usage asked for, OpenAI puts a null usage in every chunk but the last.
    this.#closeUsage = includeUsage ? ',"usage":null' : '';
    this.#close = `,"logprobs":null,"finish_reason":null}]${this.#closeUsage}}\n\n`;
    this.#contentOpen = `${this.#open}{"content":`;
    this.#contentClose = `}${this.#close}`;
  }

  encode(event: TextEvent): string {
    if (event.kind === 'text') {
      const chunk = this.#text(event);
      return chunk === '' ? '' : this.#begin('""') + chunk;
    }
    if (event.kind === 'finish') return this.#begin('""') + this.#finish(event);
    if (event.kind === 'tool_call')
      return `${this.#begin('null')}${this.#open}{"tool_calls":[${toolCallDelta(event)}]}${this.#close}`;
    if (event.text === '') return '';
    return `${this.#begin('null')}${this.#open}{"reasoning_content":${JSON.stringify(event.text)}}${this.#close}`;
  }

  #text({ text, logprobs }: Extract<TextEvent, { kind: 'text' }>): string {
    if (logprobs === undefined || logprobs.length === 0) {
      return text === '' ? '' : this.#contentOpen + JSON.stringify(text) + this.#contentClose;
    }
    const shown = `{"content":${JSON.stringify(chatTokenLogprobs(logprobs))},"refusal":null}`;
    return `${this.#contentOpen}${JSON.stringify(text)}},"logprobs":${shown},"finish_reason":null}]${this.#closeUsage}}\n\n`;
  }

  #finish({ reason, usage }: FinishEvent): string {
    const timings = JSON.stringify(totalTimings([usage]));
    return `${this.#open}{},"logprobs":null,"finish_reason":"${reason}"}]${this.#closeUsage},"timings":${timings}}\n\n`;
  }

  /** The chunk with the role, once, before the first of the others. */
  #begin(content: '""' | 'null'): string {
    if (this.#begun) return '';
    this.#begun = true;
    return `${this.#open}{"role":"assistant","content":${content}}${this.#close}`;
  }
}

/** The chunk with the usage of the whole request and no choices. */
export function chatUsageChunk(identity: AnswerIdentity, finishes: readonly FinishEvent[]): string {
  const usage = JSON.stringify(totalUsage(finishes, finishes.length));
  const timings = JSON.stringify(totalTimings(finishes.map((finish) => finish.usage)));
  return `${chunkHead(identity)}"choices":[],"usage":${usage},"timings":${timings}}\n\n`;
}

function chunkHead({ id, created, model, system_fingerprint }: AnswerIdentity): string {
  const fields = JSON.stringify({ id, object: 'chat.completion.chunk', created, model, system_fingerprint });
  return `data: ${fields.slice(0, -1)},`;
}

function toolCallDelta({ index, id, name, argumentsDelta }: Extract<TextEvent, { kind: 'tool_call' }>): string {
  const begins = id !== undefined || name !== undefined;
  return JSON.stringify({
    index,
    ...(id === undefined ? {} : { id }),
    ...(begins ? { type: 'function' } : {}),
    function: { ...(name === undefined ? {} : { name }), arguments: argumentsDelta },
  });
}
