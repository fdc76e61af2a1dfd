import { slot as slotIndex, type MemoryOperation, type Slot } from '@pippa/core';
import type { Sequence } from './sequence.ts';
import { TokenHistory } from './token-history.ts';

/** A row of the KV cache: who has it and which tokens it holds. */
export interface SlotState {
  readonly index: Slot;
  owner: Sequence | undefined;
  /** The tokens whose KV it holds (or will, once the steps under way are through): the first `heldLength` of `tokens`. */
  tokens: TokenHistory;
  heldLength: number;
  /** Step number of its last use. */
  lastUsed: number;
}

/** A shared prefix is copied from another slot when it saves at least this many tokens of prefill. */
const MIN_COPY_TOKENS = 16;

/** Which tokens the KV cache holds, slot by slot. */
export class Slots {
  readonly all: readonly SlotState[];
  readonly #canTruncate: boolean;

  constructor(count: number, canTruncate: boolean) {
    this.all = Array.from({ length: count }, (_, index) => ({
      index: slotIndex(index),
      owner: undefined,
      tokens: new TokenHistory(new Int32Array(0)),
      heldLength: 0,
      lastUsed: 0,
    }));
    this.#canTruncate = canTruncate;
  }

  /** Cells in use; shared ones count for every holder, so it is never too low. */
  get usedCells(): number {
    return this.all.reduce((sum, state) => sum + state.heldLength, 0);
  }

  hasFree(): boolean {
    return this.all.some((state) => state.owner === undefined);
  }

  /**
   * Gives the sequence a free slot, keeping or copying the longest prefix that any slot holds. The last token is never reused: its
   * logits are wanted. Returns what the ring's memory has to do; undefined when every slot is taken.
   */
  assign(sequence: Sequence, step: number): readonly MemoryOperation[] | undefined {
    const free = this.all.filter((state) => state.owner === undefined);
    const oldest = free.toSorted((a, b) => a.lastUsed - b.lastUsed)[0];
    if (oldest === undefined) return undefined;
    const reusable = sequence.tokens.length - 1;
    const best = free
      .map((state) => ({ state, shared: this.#shared(state, sequence, reusable) }))
      .reduce((a, b) => (b.shared > a.shared ? b : a));
    // A cache of which only the beginning fits is worth more to the conversation it belongs to: that beginning is copied instead.
    const target = best.shared > 0 && (best.shared * 2 >= best.state.heldLength || !this.#canTruncate) ? best.state : oldest;
    const kept = this.#shared(target, sequence, reusable);
    const source = this.#canTruncate
      ? this.all
          .map((state) => ({ state, shared: state === target ? 0 : this.#shared(state, sequence, reusable) }))
          .reduce((a, b) => (b.shared > a.shared ? b : a))
      : { state: target, shared: 0 };
    const operations: MemoryOperation[] = [];
    let cached = kept;
    if (source.shared >= kept + MIN_COPY_TOKENS) {
      cached = source.shared;
      operations.push(
        { kind: 'remove', slot: target.index, from: 0, to: -1 },
        { kind: 'copy', source: source.state.index, target: target.index, from: 0, to: cached },
      );
    } else if (target.heldLength > kept) {
      operations.push({ kind: 'remove', slot: target.index, from: kept, to: -1 });
    }
    target.owner = sequence;
    target.tokens = sequence.tokens;
    target.heldLength = cached;
    target.lastUsed = step;
    sequence.slot = target;
    sequence.submitted = cached;
    return operations;
  }

  /** The slot is free; what it holds stays for whoever comes with the same beginning. */
  release(state: SlotState): void {
    state.owner = undefined;
  }

  /** Forgets the least recently used cache without an owner. */
  dropOldestCache(): MemoryOperation | undefined {
    const idle = this.all
      .filter((state) => state.owner === undefined && state.heldLength > 0)
      .toSorted((a, b) => a.lastUsed - b.lastUsed)[0];
    return idle === undefined ? undefined : this.clear(idle);
  }

  clear(state: SlotState): MemoryOperation {
    state.heldLength = 0;
    return { kind: 'remove', slot: state.index, from: 0, to: -1 };
  }

  #shared(state: SlotState, sequence: Sequence, limit: number): number {
    const shared = state.tokens.commonPrefix(sequence.tokens, Math.min(limit, state.heldLength));
    return this.#canTruncate || shared === state.heldLength ? shared : 0;
  }
}
