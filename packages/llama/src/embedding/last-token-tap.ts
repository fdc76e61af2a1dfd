import type { Engine } from '../engine.ts';
import { DecodeError } from '../errors.ts';
import { GraphTap } from '../graph-tap.ts';

/** What all models that write call the norm before their head; it is the vector of a token. */
const LAST_NORM = 'result_norm';
const NO_INPUT = new Uint8Array(0);

/**
 * Takes the vectors of last tokens out of the graph and stops it there: the head, which for a large vocabulary is a third of a small
 * model's work and far more memory than all of its vectors, is never computed.
 */
export class LastTokenTap implements Disposable {
  readonly #tap: GraphTap;
  readonly #width: number;
  #captured = new Float32Array(0);

  constructor(engine: Engine, width: number) {
    this.#tap = new GraphTap(engine, { output: LAST_NORM, input: undefined });
    this.#width = width;
  }

  get callback(): bigint {
    return this.#tap.callback;
  }

  /** The next decode call gives the vectors of so many tokens: those flagged as outputs, in the order of their rows. */
  begin(tokens: number): void {
    this.#captured = new Float32Array(tokens * this.#width);
    this.#tap.begin(this.#captured, NO_INPUT);
  }

  /** Vector of the token with this index among them. Throws `DecodeError` when the model's graph is another than expected. */
  vector(index: number): Float32Array<ArrayBuffer> {
    if (!this.isFilled) throw new DecodeError(`The engine gave ${this.#tap.filled} values, not ${this.#captured.length}.`);
    return this.#captured.slice(index * this.#width, (index + 1) * this.#width);
  }

  /** Just what was expected has been captured. */
  get isFilled(): boolean {
    return this.#tap.filled === this.#captured.length;
  }

  [Symbol.dispose](): void {
    this.#tap[Symbol.dispose]();
  }
}
