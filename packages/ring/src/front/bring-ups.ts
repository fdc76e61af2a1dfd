import { untilSettledOrAborted, type Clock, type LoadProgress, type ModelId } from '@pippa/core';
import type { RingWish } from '@pippa/protocol';

export type BringUpProgress = Pick<LoadProgress, 'fraction' | 'message'>;

export interface BringUpOptions {
  readonly onProgress?: ((progress: BringUpProgress) => void) | undefined;
  readonly signal: AbortSignal;
}

/** A model that is being loaded somewhere. */
export interface ModelComingUp {
  readonly id: ModelId;
  readonly name: string;
  readonly progress: LoadProgress;
}

interface BringUp {
  readonly name: string;
  progress: BringUpProgress;
  readonly startedMs: number;
  readonly done: Promise<void>;
  readonly listeners: Set<(progress: BringUpProgress) => void>;
}

/** What this node has brought up just now: one bring-up a model, however many wait for it. */
export class BringUps {
  readonly #clock: Clock;
  readonly #underWay = new Map<ModelId, BringUp>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get all(): readonly ModelComingUp[] {
    const nowMs = this.#clock.nowMs();
    return [...this.#underWay].map(([id, { name, progress, startedMs }]) => ({
      id,
      name,
      progress: { ...progress, elapsedMs: nowMs - startedMs },
    }));
  }

  has(model: ModelId): boolean {
    return this.#underWay.has(model);
  }

  /** Waits for the model's bring-up, which `begin` starts when there is none. Leaving early does not end it. Throws what it does. */
  async join(
    { id, name }: RingWish['model'],
    begin: (onProgress: (progress: BringUpProgress) => void) => Promise<void>,
    { onProgress, signal }: BringUpOptions,
  ): Promise<void> {
    const joined = this.#underWay.get(id) ?? this.#begin(id, name, begin);
    if (onProgress !== undefined) joined.listeners.add(onProgress);
    try {
      await untilSettledOrAborted(joined.done, signal);
    } finally {
      if (onProgress !== undefined) joined.listeners.delete(onProgress);
    }
  }

  #begin(id: ModelId, name: string, begin: (onProgress: (progress: BringUpProgress) => void) => Promise<void>): BringUp {
    const listeners: BringUp['listeners'] = new Set();
    const done = begin((progress) => {
      begun.progress = progress;
      for (const listener of listeners) listener(progress);
    }).finally(() => this.#underWay.delete(id));
    done.catch(() => {});
    const progress = { fraction: 0, message: `looking for a place for ${name}` };
    const begun: BringUp = { name, progress, startedMs: this.#clock.nowMs(), done, listeners };
    this.#underWay.set(id, begun);
    return begun;
  }
}
