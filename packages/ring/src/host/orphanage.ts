import type { Clock, Logger, StageRunner } from '@pippa/core';
import { bytesOf } from './runner-bytes.ts';
import type { StageOrder } from './stage-loader.ts';

interface Orphan {
  readonly key: string;
  readonly runner: StageRunner;
  readonly cancelTimer: () => void;
}

/**
 * Stages whose conductor was lost without a goodbye. They stay loaded for a while: whoever brings the ring up again most likely wants the
 * very same layers, and loading them is what takes long.
 */
export class Orphanage {
  readonly #orphans: Orphan[] = [];
  readonly #unloading = new Set<Promise<void>>();
  #unloadingBytes = 0;
  readonly #keepMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onChange: () => void;

  constructor(parts: { readonly keepMs: number; readonly clock: Clock; readonly logger: Logger; readonly onChange: () => void }) {
    this.#keepMs = parts.keepMs;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#onChange = parts.onChange;
  }

  /** Of those that are not among `runners` any more: settle when their memory is free. */
  get unloading(): readonly Promise<void>[] {
    return [...this.#unloading];
  }

  /** What they take, those that are being unloaded included. */
  get bytes(): number {
    return this.runners.reduce((sum, runner) => sum + bytesOf(runner), this.#unloadingBytes);
  }

  get runners(): readonly StageRunner[] {
    return this.#orphans.map((orphan) => orphan.runner);
  }

  add(order: StageOrder, runner: StageRunner): void {
    runner.onOutput(() => {});
    runner.reset();
    const cancelTimer = this.#clock.schedule(this.#keepMs, () => this.#remove(orphan));
    const orphan: Orphan = { key: keyOf(order), runner, cancelTimer };
    runner.onLoss(() => this.#remove(orphan));
    this.#orphans.push(orphan);
  }

  /** A stage just like the one ordered. */
  adopt(order: StageOrder): StageRunner | undefined {
    const key = keyOf(order);
    const index = this.#orphans.findIndex((orphan) => orphan.key === key);
    const [orphan] = index < 0 ? [] : this.#orphans.splice(index, 1);
    orphan?.cancelTimer();
    return orphan?.runner;
  }

  /** Unloads all of them: something else wants their memory, or the node stops. */
  async clear(): Promise<void> {
    while (this.#orphans[0] !== undefined) this.#remove(this.#orphans[0]);
    await Promise.all(this.unloading);
  }

  #remove(orphan: Orphan): void {
    const index = this.#orphans.indexOf(orphan);
    if (index < 0) return;
    this.#orphans.splice(index, 1);
    orphan.cancelTimer();
    const unloaded = this.#unload(orphan)
      .catch((error: unknown) => this.#logger.warn({ err: error }, 'a stage was not unloaded in order'))
      .finally(() => this.#unloading.delete(unloaded));
    this.#unloading.add(unloaded);
  }

  async #unload(orphan: Orphan): Promise<void> {
    this.#logger.info({ from: orphan.runner.info.from, to: orphan.runner.info.to }, 'nobody came back for a stage: unloading it');
    const bytes = bytesOf(orphan.runner);
    this.#unloadingBytes += bytes;
    try {
      await orphan.runner[Symbol.asyncDispose]();
    } finally {
      // Its memory is free from now on.
      this.#unloadingBytes -= bytes;
      this.#onChange();
    }
  }
}

function keyOf({ model, from, to, contextCells, parallelSequences, maxRows, ownCells }: StageOrder): string {
  return [model.id, from, to, contextCells, parallelSequences, maxRows, ownCells].join(' ');
}
