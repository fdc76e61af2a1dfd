import { Journal } from './journal.ts';
import type { JournalSettings } from './row-store.ts';
import type { Slot } from '@pippa/core';

/** The journal of a stage, which is there only while somebody wants one. */
export class StageJournal {
  readonly #rowBytes: number;
  readonly #settings: JournalSettings;
  #journal: Journal | undefined;

  constructor(rowBytes: number, settings: JournalSettings) {
    this.#rowBytes = rowBytes;
    this.#settings = settings;
  }

  /** Undefined while nobody wants it. */
  get current(): Journal | undefined {
    return this.#journal;
  }

  /** What there was is dropped when it is not wanted any more. */
  keep(isWanted: boolean): void {
    if (isWanted) this.#require();
    else void this.close().catch(() => {});
  }

  /** Rows of the original's journal, in place of what the slot holds from position `from` on. */
  put(slot: Slot, from: number, rows: Uint8Array): void {
    const journal = rows.length > 0 ? this.#require() : this.#journal;
    journal?.put(slot, from, rows);
  }

  async close(): Promise<void> {
    const journal = this.#journal;
    this.#journal = undefined;
    await journal?.[Symbol.asyncDispose]();
  }

  #require(): Journal {
    this.#journal ??= new Journal(this.#rowBytes, this.#settings);
    return this.#journal;
  }
}
