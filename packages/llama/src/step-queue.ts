import { ProtocolError } from '@pippa/protocol';
import type { StageInputFrame } from './worker-messages.ts';

/** More than a ring has under way are nobody's honest steps. */
const MAX_AHEAD = 256;

interface Queued {
  readonly frame: StageInputFrame;
  readonly isDirect: boolean;
}

/**
 * What a stage is to do, one thing a turn of its thread's loop: in between, what it wrote leaves and what was sent to it comes in. While a
 * direct way is open steps come over two ways and may overtake each other; they are put in the order of their ids.
 */
export class StepQueue {
  readonly #run: (frame: StageInputFrame) => void;
  #queue: Queued[] = [];
  #isScheduled = false;
  /** The next step's id; undefined: steps come one way, in order. */
  #next: number | undefined;
  #first = 0;
  readonly #ahead = new Map<number, Queued>();

  constructor(run: (frame: StageInputFrame) => void) {
    this.#run = run;
  }

  /** Steps from this id on are ordered; those before are replayed ones, which come one way. */
  expect(firstStep: number): void {
    this.close();
    this.#next = firstStep;
    this.#first = firstStep;
  }

  /** What came over the direct way and was not done yet is nobody's any more. */
  close(): void {
    this.#next = undefined;
    this.#ahead.clear();
    this.#queue = this.#queue.filter(({ isDirect }) => !isDirect);
  }

  /** Throws `ProtocolError` for a step that came already or is too far ahead. */
  push(frame: StageInputFrame, isDirect: boolean): void {
    const queued = { frame, isDirect };
    if (frame.kind !== 'step' || this.#next === undefined) {
      this.#enqueue(queued);
      return;
    }
    const { id } = frame.step;
    if (id > this.#next) {
      if (id - this.#next > MAX_AHEAD) throw new ProtocolError(`Step ${id} came where ${this.#next} was to come.`);
      this.#ahead.set(id, queued);
      return;
    }
    if (id < this.#next && id >= this.#first) throw new ProtocolError(`Step ${id} came twice.`);
    this.#enqueue(queued);
    if (id < this.#first) return;
    this.#next += 1;
    for (let then = this.#ahead.get(this.#next); then !== undefined; then = this.#ahead.get(this.#next)) {
      this.#ahead.delete(this.#next);
      this.#enqueue(then);
      this.#next += 1;
    }
  }

  #enqueue(queued: Queued): void {
    this.#queue.push(queued);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#queue.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const next = this.#queue.shift();
      this.#schedule();
      if (next !== undefined) this.#run(next.frame);
    });
  }
}
