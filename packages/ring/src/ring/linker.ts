import type { Clock, DirectDoor, Mesh, PeerId, RingId, Slot } from '@pippa/core';
import type { CarriedOver } from '../carry-over.ts';
import { planRelink, planReplay } from '../chain/plan-relink.ts';
import { RingChain, type ChainLoss, type LinkOptions } from '../chain/ring-chain.ts';
import { LinkFailedError, type ReplayedSlots, type StageConnection } from '../chain/stage-connection.ts';
import { Checkpoints } from './checkpoints.ts';
import { firstEpoch } from './first-epoch.ts';

type SlotLengths = ReadonlyMap<Slot, number>;

export interface LinkerParts {
  readonly ring: RingId;
  readonly mesh: Mesh;
  readonly clock: Clock;
  /** How long a stage may take to open its way to the next one. */
  readonly linkMs: number;
  /** How many tokens of an answer its stages' spares may be behind. */
  readonly checkpointTokens: number;
  readonly door?: DirectDoor | undefined;
}

/** What linking the stages again came to. */
export interface Linked {
  readonly chain: RingChain;
  readonly carried: CarriedOver;
  /** Positions that new stages were given again from a journal, and how long that took. */
  readonly replayedRows: number;
  readonly replayMs: number;
}

/** Links a ring's stages from epoch to epoch, and knows what their caches and those of their spares hold. */
export class Linker {
  readonly #parts: LinkerParts;
  readonly #checkpoints: Checkpoints;
  /** Stages whose caches hold all that the conductor counts on. */
  readonly #holding = new Set<StageConnection>();
  #epoch: number;
  #chain: RingChain | undefined;

  constructor(parts: LinkerParts) {
    this.#parts = parts;
    this.#epoch = firstEpoch(parts.ring);
    this.#checkpoints = new Checkpoints({ clock: parts.clock, everyTokens: parts.checkpointTokens });
  }

  /** The last one; before the first, the one before it. */
  get epoch(): number {
    return this.#epoch;
  }

  /** As `StageSet.link`. */
  async link(connections: readonly StageConnection[], onLost: (loss: ChainLoss) => void, carried: CarriedOver): Promise<Linked> {
    const { clock, linkMs, mesh, door } = this.#parts;
    this.#chain?.close();
    this.#epoch += 1;
    for (const connection of this.#holding) if (!connections.includes(connection)) this.#holding.delete(connection);
    const plan = planRelink(
      connections.map((connection) => this.#holding.has(connection)),
      carried.kept.size > 0,
    );
    for (const [index, connection] of connections.entries()) if (plan.caches[index] === 'empty') this.#holding.delete(connection);
    // What spares were given beforehand needs no replay; those without any are emptied like all that are new.
    const inGap = connections.slice(plan.gap?.from, plan.gap === undefined ? 0 : plan.gap.to + 1);
    const held = inGap.map((connection) => this.#checkpoints.held(connection, carried.versions));
    const isWarm = held.length > 0 && held.every(({ size }) => size > 0);
    // Every replayed step has a row at least.
    const rows = plan.gap === undefined ? 0 : [...carried.kept.values()].reduce((sum, length) => sum + length, 0);
    const lastStep = carried.lastStep + rows;
    const journals = carried.journals && new Set(connections.map(({ peer }) => peer)).size > 1;
    const chain = await this.#linkChain(connections, {
      ...plan,
      ...(isWarm ? { caches: connections.map(() => 'keep' as const) } : {}),
      firstStep: lastStep + 1,
      journals,
      clock,
      linkMs,
      door: connections.at(-1)?.peer === mesh.self ? undefined : door,
      onLost,
    });
    // A stage tells what became of its cache before it tells that it is linked.
    const stillHeld = inGap.map((connection) => this.#checkpoints.held(connection, carried.versions));
    for (const connection of connections) this.#checkpoints.forget(connection);
    this.#chain = chain;
    if (isWarm) for (const [index, { peer }] of inGap.entries()) requireAll(held[index], stillHeld[index], peer);
    const linkedMs = clock.nowMs();
    let replayedRows = 0;
    let { kept } = carried;
    if (plan.gap !== undefined) {
      const replay = planReplay(kept, chain.journal, isWarm ? held : [new Map()]);
      kept = new Map([...replay].map(([slot, { to }]) => [slot, to]));
      const missing = [...replay].flatMap(([slot, { from, to }]) => (isWarm || to > from ? [[slot, from, to] as const] : []));
      replayedRows = missing.reduce((sum, [, from, to]) => sum + to - from, 0);
      if (replayedRows > 0) await this.#replay(chain, missing);
    } else if (plan.caches[0] === 'empty') {
      kept = new Map();
    }
    for (const connection of connections) this.#holding.add(connection);
    return { chain, carried: { ...carried, kept, lastStep }, replayedRows, replayMs: clock.nowMs() - linkedMs };
  }

  /** Gives `spares` more of what the stages hold that they stand behind; `carried`: what is certain now. */
  checkpoint(
    connections: readonly StageConnection[],
    spares: readonly StageConnection[],
    carried: Pick<CarriedOver, 'kept' | 'versions'>,
  ): void {
    this.#checkpoints.advance(connections, spares, carried);
  }

  /** What these stages have in their caches is not to be relied on; left out: nobody's is. */
  distrust(connection?: StageConnection): void {
    if (connection === undefined) this.#holding.clear();
    else this.#holding.delete(connection);
  }

  close(): void {
    this.#chain?.close();
  }

  async #linkChain(connections: readonly StageConnection[], options: LinkOptions): Promise<RingChain> {
    try {
      return await RingChain.link(connections, this.#epoch, options);
    } catch (error) {
      if (error instanceof LinkFailedError && error.spoiled !== undefined) this.distrust(error.spoiled);
      for (const connection of connections) this.#checkpoints.forget(connection);
      throw error;
    }
  }

  async #replay(chain: RingChain, slots: ReplayedSlots): Promise<void> {
    try {
      await chain.replay(slots);
    } catch (error) {
      // A stage that could not do it: the next try relies on nobody's cache.
      if (chain.loss?.spoiled !== undefined) this.distrust();
      throw error;
    }
  }
}

/** Throws `LinkFailedError` for a spare that lost positions that were counted on. */
function requireAll(before: SlotLengths | undefined, now: SlotLengths | undefined, peer: PeerId): void {
  for (const [slot, length] of before ?? [])
    if ((now?.get(slot) ?? 0) < length) throw new LinkFailedError(`The cache of the spare on ${peer} was lost.`, peer);
}
