import type { TextEvent, TextLogprob } from '@pippa/core';
import { StopMatcher } from '../text/stop-matcher.ts';
import type { LogprobQueue, TextRange } from './logprob-queue.ts';

/** The visible text of an answer: stop strings are looked for in it, and log probabilities go along with it. */
export class TextChannel {
  readonly #stops: StopMatcher;
  readonly #logprobs: LogprobQueue;
  /** Where the held-back text stands in the raw text. */
  #held: TextRange[] = [];
  #stop: string | undefined;

  constructor(stops: readonly string[], logprobs: LogprobQueue) {
    this.#stops = new StopMatcher(stops);
    this.#logprobs = logprobs;
  }

  /** The stop string that was found; nothing goes out after it. */
  get stop(): string | undefined {
    return this.#stop;
  }

  *push(text: string, at: number): Generator<TextEvent> {
    this.#held.push({ from: at, to: at + text.length });
    const step = this.#stops.push(text);
    this.#stop = step.stop;
    yield* this.#emit(step.text, step.stop !== undefined);
  }

  /** Lets out what was held back: what comes next is no text, so no stop string goes on here. */
  *flush(): Generator<TextEvent> {
    yield* this.#emit(this.#stops.end(), false);
    this.#held = [];
  }

  *#emit(text: string, last: boolean): Generator<TextEvent> {
    const logprobs = this.#logprobs.take(this.#release(text.length), last);
    if (text !== '' || logprobs.length > 0) yield textEvent(text, logprobs);
  }

  /** Takes the ranges of the next `length` characters. */
  #release(length: number): TextRange[] {
    const released: TextRange[] = [];
    let left = length;
    while (left > 0) {
      const [range] = this.#held;
      if (range === undefined) break;
      const to = Math.min(range.to, range.from + left);
      released.push({ from: range.from, to });
      left -= to - range.from;
      if (to === range.to) this.#held.shift();
      else this.#held[0] = { from: to, to: range.to };
    }
    return released;
  }
}

function textEvent(text: string, logprobs: readonly TextLogprob[]): TextEvent {
  return logprobs.length > 0 ? { kind: 'text', text, logprobs } : { kind: 'text', text };
}
