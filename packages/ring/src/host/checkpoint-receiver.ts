import type { Slot, StageRunner } from '@pippa/core';
import { ProtocolError, type CheckpointMessage } from '@pippa/protocol';

/** What a spare holds of a slot. */
interface Held {
  readonly version: number;
  readonly length: number;
}

export interface CheckpointTarget {
  readonly runner: StageRunner;
  /** Where rows of the original's journal go; what was there of the slot from the position on goes, even if nothing comes in its place. */
  readonly putRows: (slot: Slot, from: number, rows: Uint8Array) => void;
  readonly report: (slot: Slot, held: Held) => void;
}

/** Puts what comes from the original stage into the cache of its spare, one part after the other. */
export class CheckpointReceiver {
  readonly #target: CheckpointTarget;
  readonly #held = new Map<Slot, Held>();
  #working: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(target: CheckpointTarget) {
    this.#target = target;
  }

  /** Settles when the part is in or was left out. */
  take(message: CheckpointMessage, payload: Uint8Array): Promise<void> {
    // The frame's buffer is used again.
    const own = payload.slice();
    this.#working = this.#working.then(() => this.#take(message, own));
    return this.#working;
  }

  /** Takes nothing more; settles when nothing is under way: the stage is linked now, and steps must not meet it. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#working;
  }

  async #take({ slot, version, start, end, rowBytes }: CheckpointMessage, payload: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#closed) return;
    const { runner, putRows, report } = this.#target;
    const held = this.#held.get(slot);
    const fits = start === 0 || (held?.version === version && held.length === start);
    try {
      if (!fits || start >= end || rowBytes > payload.length || slot >= runner.info.parallelSequences) {
        throw new ProtocolError(`Positions ${start} to ${end} of slot ${slot} have no place here.`);
      }
      await runner.importSlot(slot, start, payload.slice(rowBytes));
      putRows(slot, start, payload.subarray(0, rowBytes));
      this.#held.set(slot, { version, length: end });
      report(slot, { version, length: end });
    } catch {
      // No room, or a part is missing: it begins again with an empty cache.
      this.#held.clear();
      runner.reset();
      report(slot, { version, length: 0 });
    }
  }
}
