import type { Clock, Slot } from '@pippa/core';
import type { CarriedOver } from '../carry-over.ts';
import type { StageConnection } from '../chain/stage-connection.ts';

/** An order that nothing came of for so long is given up. */
const LOST_MS = 10_000;

interface SpareState {
  readonly held: Map<Slot, { readonly version: number; readonly length: number }>;
  /** What it is being given. */
  ordered: { readonly slot: Slot; readonly version: number; readonly to: number; readonly sinceMs: number } | undefined;
}

/**
 * Keeps the caches of spares close behind those of their stages, so that taking over takes no long computing. What a spare holds of a slot
 * counts only as long as the slot's version is the same.
 */
export class Checkpoints {
  readonly #clock: Clock;
  readonly #everyTokens: number;
  readonly #spares = new Map<StageConnection, SpareState>();

  /** `everyTokens`: how far a spare may be behind. */
  constructor({ clock, everyTokens }: { readonly clock: Clock; readonly everyTokens: number }) {
    this.#clock = clock;
    this.#everyTokens = everyTokens;
  }

  /** Orders the next part for every spare that has got its last one. To be called now and then. */
  advance(
    stages: readonly StageConnection[],
    spares: readonly StageConnection[],
    { kept, versions }: Pick<CarriedOver, 'kept' | 'versions'>,
  ): void {
    for (const spare of this.#spares.keys()) if (!spares.includes(spare)) this.#spares.delete(spare);
    for (const spare of spares) {
      const { from, to } = spare.info;
      const original = stages.find(({ info }) => info.from === from && info.to === to);
      const state = this.#stateOf(spare);
      const isBusy = state.ordered !== undefined && this.#clock.nowMs() - state.ordered.sinceMs < LOST_MS;
      if (original === undefined || isBusy) continue;
      state.ordered = undefined;
      const held = this.held(spare, versions);
      const [next] = [...kept]
        .map(([slot, length]) => ({ slot, to: length, from: held.get(slot) ?? 0 }))
        .filter((part) => part.to - part.from >= this.#everyTokens)
        .toSorted((a, b) => b.to - b.from - (a.to - a.from));
      if (next === undefined) continue;
      const version = versions.get(next.slot) ?? 0;
      state.ordered = { slot: next.slot, version, to: next.to, sinceMs: this.#clock.nowMs() };
      // A stage that is lost is told elsewhere.
      original.checkpoint({ ...next, version, peer: spare.peer }).catch(() => {});
    }
  }

  /** How many positions of each slot a spare holds; none for a stage that is no spare. */
  held(connection: StageConnection, versions: ReadonlyMap<Slot, number>): ReadonlyMap<Slot, number> {
    const held = [...(this.#spares.get(connection)?.held ?? [])];
    return new Map(held.flatMap(([slot, { version, length }]) => (versions.get(slot) === version ? [[slot, length]] : [])));
  }

  /** Its cache is used from here on: what was known of it is no longer so. */
  forget(connection: StageConnection): void {
    this.#spares.delete(connection);
  }

  #stateOf(spare: StageConnection): SpareState {
    const there = this.#spares.get(spare);
    if (there !== undefined) return there;
    const state: SpareState = { held: new Map(), ordered: undefined };
    this.#spares.set(spare, state);
    spare.onCheckpointed(({ slot, version, length }) => {
      // It began again.
      if (length === 0) state.held.clear();
      else state.held.set(slot, { version, length });
      const { ordered } = state;
      if (length === 0 || (ordered?.slot === slot && ordered.version === version && length >= ordered.to))
        state.ordered = undefined;
    });
    return state;
  }
}
