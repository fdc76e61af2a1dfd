import type { MemoryOperation, Slot, Step } from '@pippa/core';
import { RowStore, type JournalSettings, type StoredRow } from './row-store.ts';

/** Some journaled rows, as a step carries them. */
export interface JournalBatch {
  readonly slots: Int32Array;
  readonly positions: Int32Array;
  /** Row by row, in the ring's activation format. */
  readonly activations: Uint8Array<ArrayBuffer>;
}

/**
 * What a stage has sent on, slot by slot from position 0: a lost stage behind it is given that again instead of having all stages compute
 * it. It follows the KV cache: what a step removes or copies there is removed and copied here. Bounded: rows past the bound are not
 * journaled, and those behind them in their slot neither; the tokens bring them back.
 */
export class Journal {
  readonly #rowBytes: number;
  readonly #store: RowStore;
  readonly #slots = new Map<Slot, StoredRow[]>();

  constructor(rowBytes: number, settings: JournalSettings) {
    this.#rowBytes = rowBytes;
    this.#store = new RowStore(rowBytes, settings);
  }

  /** `activations`: the rows that the step is sent on with. */
  record(step: Step, activations: Uint8Array): void {
    for (const operation of step.memory) this.#apply(operation);
    for (let row = 0; row < step.slots.length; row += 1) {
      const slot = step.slots[row] as Slot;
      const position = step.positions[row] as number;
      const rows = this.#rowsOf(slot);
      if (rows.length > position) this.#truncate(slot, position);
      // Something before it is missing.
      if (rows.length < position) continue;
      const stored = this.#store.add(activations.subarray(row * this.#rowBytes, (row + 1) * this.#rowBytes));
      if (stored !== undefined) rows.push(stored);
    }
  }

  /** How many positions of each slot are there, from the first one on. */
  lengths(): [Slot, number][] {
    return [...this.#slots].flatMap(([slot, rows]) => (rows.length > 0 ? [[slot, rows.length] as [Slot, number]] : []));
  }

  /** Rows `[from, to)` of the slots, as far as they are there, in batches of `maxRows`: as few as can be. */
  async *batches(
    slots: readonly (readonly [slot: Slot, from: number, to: number])[],
    maxRows: number,
  ): AsyncGenerator<JournalBatch, undefined> {
    const wanted = slots.flatMap(([slot, from, to]) =>
      this.#rowsOf(slot)
        .slice(from, to)
        .map((row, index) => ({ slot, position: from + index, row })),
    );
    for (let from = 0; from < wanted.length; from += maxRows) {
      const batch = wanted.slice(from, from + maxRows);
      yield {
        slots: Int32Array.from(batch, ({ slot }) => slot),
        positions: Int32Array.from(batch, ({ position }) => position),
        activations: await this.#store.read(batch.map(({ row }) => row)),
      };
    }
  }

  /** Rows `[from, to)` of a slot; undefined when they are not all there. Throws when the file cannot be read. */
  async read(slot: Slot, from: number, to: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const rows = this.#rowsOf(slot).slice(from, to);
    return rows.length < to - from ? undefined : this.#store.read(rows);
  }

  /** Takes over rows of another journal, from position `from` on, in place of what the slot holds from there. */
  put(slot: Slot, from: number, activations: Uint8Array): void {
    const rows = this.#rowsOf(slot);
    this.#truncate(slot, from);
    if (rows.length < from) return;
    for (let at = 0; at + this.#rowBytes <= activations.length; at += this.#rowBytes) {
      const stored = this.#store.add(activations.subarray(at, at + this.#rowBytes));
      if (stored === undefined) return;
      rows.push(stored);
    }
  }

  clear(): void {
    for (const slot of this.#slots.keys()) this.#truncate(slot, 0);
    this.#slots.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#slots.clear();
    await this.#store[Symbol.asyncDispose]();
  }

  #apply(operation: MemoryOperation): void {
    if (operation.kind === 'remove') {
      this.#truncate(operation.slot, operation.from);
      return;
    }
    this.#truncate(operation.target, 0);
    if (operation.from > 0) return;
    const copied = this.#rowsOf(operation.source).slice(0, operation.to);
    for (const row of copied) row.holders += 1;
    this.#slots.set(operation.target, copied);
  }

  #truncate(slot: Slot, length: number): void {
    for (const row of this.#rowsOf(slot).splice(length)) this.#store.release(row);
  }

  #rowsOf(slot: Slot): StoredRow[] {
    let rows = this.#slots.get(slot);
    if (rows === undefined) {
      rows = [];
      this.#slots.set(slot, rows);
    }
    return rows;
  }
}
