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
  /** The step of its last use. */
  readonly lastUsed: number;
}

type Writable<State> = { -readonly [Key in keyof State]: State[Key] };

/** Which tokens the KV cache holds, slot by slot, and what the stages have yet to be told about it. */
export class SlotTable {
  readonly all: readonly SlotState[];
  readonly ledger: CellLedger;
  readonly #operations: MemoryOperation[] = [];

  constructor(count: number) {
    this.ledger = new CellLedger(count);
    this.all = Array.from({ length: count }, (_, index) => ({
      index: slotIndex(index),
      owner: undefined,
      tokens: new TokenHistory(new Int32Array(0)),
      held: 0,
      lastUsed: 0,
    }));
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
    state.held = length;
    this.ledger.truncate(state.index, length);
    this.#operations.push({ kind: 'remove', slot: state.index, from: length, to: -1 });
  }
}
