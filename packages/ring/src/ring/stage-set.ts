import {
  StageError,
  type Clock,
  type DirectDoor,
  type Mesh,
  type ModelManifest,
  type PeerId,
  type PippaError,
  type RingId,
} from '@pippa/core';
import type { RebalanceState } from '@pippa/planner';
import type { PlacedStage, RingWish } from '@pippa/protocol';
import type { CarriedOver } from '../carry-over.ts';
import { planRelink, planReplay } from '../chain/plan-relink.ts';
import { RingChain, type ChainLoss } from '../chain/ring-chain.ts';
import type { ReplayedSlots, StageConnection, StageOpening } from '../chain/stage-connection.ts';
import { Checkpoints } from './checkpoints.ts';
import { placedStage, Spares } from './spares.ts';
import { planWithShape } from './choose-shape.ts';
import { closeAll, realise, type RealiseOutcome } from './realise.ts';
import { PlacementRefusedError, type PlannedRing, type PlanRequest, type RingPlanner, type RingShape } from './ring-planner.ts';

export interface StageSetParts {
  readonly ring: RingId;
  readonly manifest: ModelManifest;
  readonly wish: RingWish;
  readonly mesh: Mesh;
  readonly planner: RingPlanner;
  readonly clock: Clock;
  /** How long a stage may take to open its way to the next one. */
  readonly linkMs: number;
  /** How many tokens of an answer its stages' spares may be behind. */
  readonly checkpointTokens: number;
  /** Other spares than before. */
  readonly onSparesChanged: () => void;
  readonly door?: DirectDoor | undefined;
}

/** Stages that are loaded and not used yet. */
export interface Replacement {
  /** They are the ring's from here on; those that are not any more are given back, still open. */
  adopt(): readonly StageConnection[];
  discard(): void;
}

/** What linking the stages again came to. */
export interface Linked {
  readonly chain: RingChain;
  readonly carried: CarriedOver;
  /** Positions that new stages were given again from a journal, and how long that took. */
  readonly replayedRows: number;
  readonly replayMs: number;
}

type ReportProgress = (fraction: number, message: string) => void;

/** The stages of a ring wherever they are: planned, opened, linked from epoch to epoch, and given up. */
export class StageSet {
  readonly #parts: StageSetParts;
  readonly spares: Spares;
  readonly #checkpoints: Checkpoints;
  #connections: readonly StageConnection[] = [];
  #planned: PlannedRing | undefined;
  #shape: RingShape | undefined;
  #epoch = 0;
  /** What is remembered of the pace of nodes. */
  #balance: RebalanceState | undefined;
  /** Stages whose caches hold all that the conductor counts on. */
  readonly #holding = new Set<StageConnection>();
  #chain: RingChain | undefined;

  constructor(parts: StageSetParts) {
    this.#parts = parts;
    this.#checkpoints = new Checkpoints({ clock: parts.clock, everyTokens: parts.checkpointTokens });
    this.spares = new Spares({ ...parts, onChange: parts.onSparesChanged });
  }

  get connections(): readonly StageConnection[] {
    return this.#connections;
  }

  get planned(): PlannedRing | undefined {
    return this.#planned;
  }

  /** Undefined before the first plan. */
  get shape(): RingShape | undefined {
    return this.#shape;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Plans (or takes `placement` first) and opens; nodes that refuse are left out of the next try. Throws `PlacementRefusedError`, why this
   * node refused, or the signal's reason.
   */
  async open(
    placement: readonly PlacedStage[] | undefined,
    {
      onPlanned,
      onProgress,
      signal,
    }: { readonly onPlanned: () => void; readonly onProgress?: ReportProgress | undefined; readonly signal: AbortSignal },
  ): Promise<void> {
    const { manifest, wish } = this.#parts;
    const excluded = new Set<PeerId>();
    let suggested = placement;
    for (;;) {
      const { planned, shape } = planWithShape(manifest, wish, (size) =>
        this.#planToOpen(this.#request(size, excluded), suggested),
      );
      suggested = undefined;
      this.#planned = planned;
      this.#shape = shape;
      onPlanned();
      const outcome = await this.#realise(planned, this.#connections, signal, onProgress);
      this.#connections = outcome.connections;
      if (outcome.kind === 'ready') return;
      this.#exclude(outcome, excluded);
    }
  }

  /** What is loaded already stays where that can be: its memory is not free on anybody's card. */
  #planToOpen(request: PlanRequest, suggested: readonly PlacedStage[] | undefined): PlannedRing {
    const { planner } = this.#parts;
    if (suggested !== undefined) return planner.repair({ ...request, kept: suggested });
    if (this.#connections.length > 0 && request.shape.contextTokens === this.#shape?.contextTokens) {
      try {
        return planner.repair({ ...request, kept: this.#connections.map(placedStage) });
      } catch (error) {
        if (!(error instanceof PlacementRefusedError)) throw error;
      }
    }
    return planner.place(request);
  }

  /** Finds places for the layers that nobody holds any more; stages that are there stay where they are. Throws as `open`. */
  async repair(excluded: Set<PeerId>, signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.dropLost();
      const planned = this.#planAround(this.#connections, excluded);
      const outcome = await this.#realise(planned, this.#connections, signal);
      this.#connections = outcome.connections;
      this.spares.release(outcome.connections);
      if (outcome.kind === 'ready') {
        this.#planned = planned;
        return;
      }
      this.#exclude(outcome, excluded);
    }
  }

  /**
   * Opens stages elsewhere for those of `peer`, which stay as they are until `adopt` is called. Throws as `open`; what was opened is closed
   * again then.
   */
  openBeside(peer: PeerId, signal: AbortSignal): Promise<Replacement> {
    const staying = this.#connections.filter((connection) => connection.peer !== peer);
    return this.openReplacement(this.#planAround(staying, new Set([peer])), signal);
  }

  /** Opens what another placement needs beside what runs, which stays as it is until `adopt` is called. Throws as `openBeside`. */
  async openReplacement(planned: PlannedRing, signal: AbortSignal): Promise<Replacement> {
    const staying = this.#connections.filter((connection) =>
      planned.stages.some(
        ({ peer, from, to }) => peer === connection.peer && from === connection.info.from && to === connection.info.to,
      ),
    );
    const outcome = await this.#realise(planned, staying, signal);
    const discard = (): void =>
      closeAll(
        outcome.connections.filter(
          (connection) => !this.#connections.includes(connection) && !this.spares.connections.includes(connection),
        ),
      );
    if (outcome.kind === 'short') {
      discard();
      throw outcome.failures[0]?.error;
    }
    return {
      adopt: () => {
        const leaving = this.#connections.filter((connection) => !outcome.connections.includes(connection));
        this.#connections = outcome.connections;
        this.spares.release(outcome.connections);
        this.#planned = planned;
        return leaving;
      },
      discard,
    };
  }

  /**
   * Links all stages in the next epoch. What `carried` says that the old chain held is kept where it is still there, and given to new
   * stages from the journal of the one before them. Throws `LinkFailedError`, or why a stage was lost meanwhile.
   */
  async link(onLost: (loss: ChainLoss) => void, carried: CarriedOver): Promise<Linked> {
    const { clock, linkMs, mesh, door } = this.#parts;
    this.#chain?.close();
    this.#epoch += 1;
    const connections = this.#connections;
    for (const connection of this.#holding) if (!connections.includes(connection)) this.#holding.delete(connection);
    const plan = planRelink(
      connections.map((connection) => this.#holding.has(connection)),
      carried.kept.size > 0,
    );
    for (const [index, connection] of connections.entries()) if (plan.caches[index] === 'empty') this.#holding.delete(connection);
    // What spares were given beforehand needs no replay; those without any are emptied like all that are new.
    const held = connections
      .slice(plan.gap?.from, plan.gap === undefined ? 0 : plan.gap.to + 1)
      .map((connection) => this.#checkpoints.held(connection, carried.versions));
    for (const connection of connections) this.#checkpoints.forget(connection);
    const isWarm = held.length > 0 && held.every(({ size }) => size > 0);
    // Every replayed step has a row at least.
    const rows = plan.gap === undefined ? 0 : [...carried.kept.values()].reduce((sum, length) => sum + length, 0);
    const lastStep = carried.lastStep + rows;
    const journals = carried.journals && new Set(connections.map(({ peer }) => peer)).size > 1;
    const chain = await RingChain.link(connections, this.#epoch, {
      ...plan,
      ...(isWarm ? { caches: connections.map(() => 'keep' as const) } : {}),
      firstStep: lastStep + 1,
      journals,
      clock,
      linkMs,
      door: connections.at(-1)?.peer === mesh.self ? undefined : door,
      onLost,
    });
    this.#chain = chain;
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

  /** Gives spares more of what the stages hold that they stand behind; `carried`: what is certain now. To be called now and then. */
  checkpoint(carried: Pick<CarriedOver, 'kept' | 'versions'>): void {
    this.#checkpoints.advance(this.#connections, this.spares.connections, carried);
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

  /** What these stages have in their caches is not to be relied on; left out: nobody's is. */
  distrust(connection?: StageConnection): void {
    if (connection === undefined) this.#holding.clear();
    else this.#holding.delete(connection);
  }

  /** Abandons these stages; their nodes learn of it if they can be reached. */
  abandon(guilty: readonly StageConnection[], reason: PippaError): void {
    closeAll(guilty, reason);
    this.#connections = this.#connections.filter((connection) => !guilty.includes(connection));
  }

  /** Forgets stages whose streams have ended. */
  async dropLost(): Promise<void> {
    const there = Symbol('there');
    const states = await Promise.all(
      this.#connections.map((connection) => Promise.race([connection.lost, Promise.resolve(there)])),
    );
    this.#connections = this.#connections.filter((_, index) => states[index] === there);
  }

  /**
   * Loads one more second copy where the planner wants one, and unloads those that are of no use any more; what runs goes on meanwhile.
   * Throws the signal's reason.
   */
  async arrangeSpares(signal: AbortSignal): Promise<void> {
    const { planner, mesh } = this.#parts;
    const stages = this.#connections.map(placedStage);
    this.spares.prune(stages);
    // Without its conductor there is no ring, whoever has copies of the stages there.
    const placement = stages.filter((stage) => stage.peer !== mesh.self);
    const request = this.#request(this.#requireShape(), new Set(this.spares.refusing));
    const [planned] = planner.spares({ ...request, placement, spares: this.spares.placed });
    if (planned === undefined) return;
    const { peer, from, to } = planned;
    const opening: StageOpening = {
      ...this.#opening(),
      from,
      to,
      index: stages.findIndex((stage) => stage.from === from),
      stageCount: stages.length,
      stagesHere: stages.filter((stage) => stage.peer === peer).length + 1,
      expectedBytes: Math.round(planned.bytes),
      spare: true,
    };
    await this.spares.open(planned, opening, signal);
  }

  /**
   * Whether layers had better move off a slow node, and with what to get there: by what the stages took lately. Stages as many as were asked
   * for stay.
   */
  rebalance(stageMs: readonly number[]): PlannedRing | undefined {
    const { planner, wish, clock } = this.#parts;
    if (this.#connections.length < 2 || stageMs.length !== this.#connections.length || wish.stageCount !== undefined)
      return undefined;
    const { move, state } = planner.rebalance({
      ...this.#request(this.#requireShape(), new Set()),
      placement: this.#connections.map(placedStage),
      stageMs,
      state: this.#balance,
      nowMs: clock.nowMs(),
    });
    this.#balance = state;
    return move && { ...move, predictedTokensPerSecond: this.#planned?.predictedTokensPerSecond ?? 0 };
  }

  /** Unloads them all. */
  close(reason?: PippaError): void {
    this.spares.close();
    this.#chain?.close();
    closeAll(this.#connections, reason);
    this.#connections = [];
  }

  #planAround(kept: readonly StageConnection[], excluded: ReadonlySet<PeerId>): PlannedRing {
    const { planner, mesh, manifest } = this.#parts;
    const planned = planner.repair({
      ...this.#request(this.#requireShape(), excluded),
      kept: kept.map(placedStage),
      spares: this.spares.placed.filter(({ peer }) => !excluded.has(peer)),
    });
    if (planned.stages[0]?.peer === mesh.self) return planned;
    throw new PlacementRefusedError(`The first layers of ${manifest.name} have no place on the node that conducts it.`);
  }

  #request(shape: RingShape, excluded: ReadonlySet<PeerId>): PlanRequest {
    const { manifest, wish, mesh } = this.#parts;
    return { manifest, wish, shape, excluded, first: mesh.self };
  }

  #requireShape(): RingShape {
    if (this.#shape === undefined) throw new StageError('The ring was never planned.');
    return this.#shape;
  }

  #exclude({ failures }: Extract<RealiseOutcome, { kind: 'short' }>, excluded: Set<PeerId>): void {
    const [first] = failures;
    // The conductor's own node holds the first layers: where it refuses there is no ring.
    for (const { peer, error } of failures) {
      if (peer === this.#parts.mesh.self) throw error;
      if (excluded.has(peer)) throw first?.error;
      excluded.add(peer);
    }
  }

  #realise(
    planned: PlannedRing,
    existing: readonly StageConnection[],
    signal: AbortSignal,
    onProgress?: ReportProgress,
  ): Promise<RealiseOutcome> {
    return realise({
      mesh: this.#parts.mesh,
      planned: planned.stages,
      stageBytes: planned.stageBytes,
      existing,
      spares: this.spares.connections,
      opening: this.#opening(),
      ...(onProgress === undefined ? {} : { onProgress }),
      signal,
    });
  }

  /** What the orders of all stages say. */
  #opening(): Omit<StageOpening, 'from' | 'to' | 'index' | 'stageCount' | 'stagesHere' | 'expectedBytes' | 'spare'> {
    const { ring, manifest, wish } = this.#parts;
    const { contextTokens, parallelSequences, maxRows } = this.#requireShape();
    return {
      ring,
      epoch: this.#epoch,
      model: { id: manifest.id, name: manifest.name },
      layerCount: manifest.layers.length,
      contextCells: contextTokens * parallelSequences,
      parallelSequences,
      maxRows,
      activations: wish.activations,
    };
  }
}
