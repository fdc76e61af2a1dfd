import type { TextEvent } from '@pippa/core';
import type { AnswerIdentity } from './answer-identity.ts';
import type { FinishEvent } from './generations.ts';
import { characterCount, completionTokenLogprobs } from './logprobs.ts';
import type { ChoiceEncoder } from './answer.ts';
import { totalTimings, totalUsage } from './usage.ts';

/** Encodes one choice of a streamed plain completion; built like `ChatChoiceEncoder`, for the same reason. */
export class CompletionChoiceEncoder implements ChoiceEncoder {
  #open: string;
  #middle: string;
  #closeUsage: string;
  #close: string;
  #offset = 0;

  constructor(identity: AnswerIdentity, index: number, includeUsage: boolean) {
    this.#open = `${chunkHead(identity)}"choices":[{"text":`;
    this.#middle = `,"index":${index},"logprobs":`;
    this.#closeUsage = includeUsage ? ',"usage":null' : '';
    this.#close = `${this.#middle}null,"finish_reason":null}]${this.#closeUsage}}\n\n`;
  }

  encode(event: TextEvent): string {
    if (event.kind === 'finish') return this.#finish(event);
    // Plain completions know neither reasoning nor tools: no model service reports them here.
    return event.kind === 'text' ? this.#text(event) : '';
  }

  #text({ text, logprobs }: Extract<TextEvent, { kind: 'text' }>): string {
    const offset = this.#offset;
    this.#offset += characterCount(text);
    if (logprobs === undefined || logprobs.length === 0) return text === '' ? '' : this.#open + JSON.stringify(text) + this.#close;
    const shown = JSON.stringify(completionTokenLogprobs(logprobs, offset));
    return `${this.#open}${JSON.stringify(text)}${this.#middle}${shown},"finish_reason":null}]${this.#closeUsage}}\n\n`;
  }

  #finish({ reason, usage }: FinishEvent): string {
    const timings = JSON.stringify(totalTimings([usage]));
    return `${this.#open}""${this.#middle}null,"finish_reason":"${reason}"}]${this.#closeUsage},"timings":${timings}}\n\n`;
  }
}

/** The chunk with the usage of the whole request and no choices. */
export function completionUsageChunk(identity: AnswerIdentity, finishes: readonly FinishEvent[], perPrompt: number): string {
  const usage = JSON.stringify(totalUsage(finishes, perPrompt));
  const timings = JSON.stringify(totalTimings(finishes.map((finish) => finish.usage)));
  return `${chunkHead(identity)}"choices":[],"usage":${usage},"timings":${timings}}\n\n`;
}

function chunkHead({ id, created, model, system_fingerprint }: AnswerIdentity): string {
  const fields = JSON.stringify({ id, object: 'text_completion', created, model, system_fingerprint });
  return `data: ${fields.slice(0, -1)},`;
}
