import { slot as slotIndex, type MemoryOperation, type Slot } from '@pippa/core';
import { CellLedger } from './cell-ledger.ts';
import type { Placement } from './choose-placement.ts';
import type { Sequence } from './sequence.ts';
import { TokenHistory } from './token-history.ts';

/** A row of the KV cache: who has it and which tokens it holds. */
export interface SlotState {
  readonly index: Slot;
  readonly owner: Sequence | undefined;
  /** The tokens whose KV it holds (or will, once the steps under way are through): the first `held` of `tokens`. */
  readonly tokens: TokenHistory;
  readonly held: number;
  /** How many of those every stage certainly has: the results of their steps came back. */
  readonly committed: number;
  /** Counts the changes other than growth: what comes back of a step from before tells nothing of the slot any more. */
  readonly version: number;
  /** The step of its last use. */
  readonly lastUsed: number;
}

/** What a slot holds once a step is through. */
export interface SlotMark {
  readonly slot: SlotState;
  readonly held: number;
  readonly version: number;
}

type Writable<State> = { -readonly [Key in keyof State]: State[Key] };

/** Which tokens the KV cache holds, slot by slot, and what the stages have yet to be told about it. */
export class SlotTable {
  readonly all: readonly SlotState[];
  readonly ledger: CellLedger;
  readonly #operations: MemoryOperation[] = [];
  /** Slots that the next step changes. */
  readonly #touched = new Set<SlotState>();

  constructor(count: number) {
    this.ledger = new CellLedger(count);
    this.all = Array.from({ length: count }, (_, index) => ({
      index: slotIndex(index),
      owner: undefined,
      tokens: new TokenHistory(new Int32Array(0)),
      held: 0,
      committed: 0,
      version: 0,
      lastUsed: 0,
    }));
  }

  /**
   * A table for other stages that hold, of each slot in `kept`, at least so many positions of the slot's owner, and nothing that counts of
   * the others; what they hold beyond that is removed. Owners of other slots are not in it.
   */
  carryOver(count: number, kept: ReadonlyMap<Slot, number>): SlotTable {
    const table = new SlotTable(count);
    for (const state of table.all as readonly Writable<SlotState>[]) {
      const before = this.all[state.index];
      const length = before?.owner === undefined ? 0 : (kept.get(state.index) ?? 0);
      if (before !== undefined && length > 0) {
        state.owner = before.owner;
        state.tokens = before.tokens;
        state.held = length;
        state.committed = length;
        table.ledger.append(state.index, length);
      }
      // More of the same, or something else from here on.
      state.version = length > 0 ? (before?.version ?? 0) : (before?.version ?? 0) + 1;
      table.#operations.push({ kind: 'remove', slot: state.index, from: length, to: -1 });
    }
    return table;
  }

  /** What the slots that were changed since the last call hold, for `commit` once the next step is through. */
  takeMarks(): readonly SlotMark[] {
    const marks = [...this.#touched].map((slot) => ({ slot, held: slot.held, version: slot.version }));
    this.#touched.clear();
    return marks;
  }

  /** The step that these marks were taken for is through all stages. */
  commit(marks: readonly SlotMark[]): void {
    for (const { slot, held, version } of marks) {
      const state: Writable<SlotState> = slot;
      if (state.version === version) state.committed = Math.max(state.committed, held);
    }
  }

  /** The operations since the last call, in order; they must go with the next step. */
  takeOperations(): readonly MemoryOperation[] {
    return this.#operations.splice(0);
  }

  /** Gives the sequence the slot that was chosen for it, with as much of its beginning as was found. */
  occupy({ target, cached, source }: Placement, sequence: Sequence): void {
    const state: Writable<SlotState> = target;
    if (source === undefined) {
      this.trim(target, cached);
    } else {
      this.trim(target, 0);
      state.version += 1;
      this.#touched.add(state);
      this.ledger.share(source.index, target.index, cached);
      this.#operations.push({ kind: 'copy', source: source.index, target: target.index, from: 0, to: cached });
    }
    state.owner = sequence;
    state.tokens = sequence.tokens;
    state.held = cached;
  }

  /** The next step carries `count` more rows of the slot. */
  append(target: SlotState, count: number, step: number): void {
    const state: Writable<SlotState> = target;
    this.#touched.add(state);
    state.held += count;
    state.lastUsed = step;
    this.ledger.append(state.index, count);
  }

  /** The slot is free; what it holds stays for whoever comes with the same beginning. */
  release(target: SlotState): void {
    const state: Writable<SlotState> = target;
    state.owner = undefined;
  }

  /** The slot holds no more than its first `length` tokens. */
  trim(target: SlotState, length: number): void {
    if (target.held <= length) return;
    const state: Writable<SlotState> = target;
    this.#touched.add(state);
    state.version += 1;
    state.held = length;
    state.committed = Math.min(state.committed, length);
    this.ledger.truncate(state.index, length);
    this.#operations.push({ kind: 'remove', slot: state.index, from: length, to: -1 });
  }
}
