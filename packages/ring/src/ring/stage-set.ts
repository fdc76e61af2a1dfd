import { errorMessage, nameOf, PeerUnreachableError, StreamLostError, type PeerId, type PippaError } from '@pippa/core';
import type { CarriedOver } from '../carry-over.ts';
import type { ChainLoss } from '../chain/ring-chain.ts';
import type { StageConnection } from '../chain/stage-connection.ts';
import { Linker, type Linked, type LinkerParts } from './linker.ts';
import { closeAll, realise, type RealiseOutcome } from './realise.ts';
import { PlacementRefusedError, type PlannedRing, type RingShape } from './ring-planner.ts';
import { placedStage, Spares } from './spares.ts';
import { StagePlans, type StagePlansParts, type Suggestion } from './stage-plans.ts';

export interface StageSetParts extends StagePlansParts, LinkerParts {
  /** Other spares than before. */
  readonly onSparesChanged: () => void;
}

/** Stages that are loaded and not used yet. */
export interface Replacement {
  /** They are the ring's from here on; those that are not any more are given back, still open. */
  adopt(): readonly StageConnection[];
  discard(): void;
}

type Failures = Extract<RealiseOutcome, { kind: 'short' }>['failures'];
type ReportProgress = (fraction: number, message: string) => void;

/** The stages of a ring wherever they are: planned, opened, linked from epoch to epoch, and given up. */
export class StageSet {
  readonly #parts: StageSetParts;
  readonly spares: Spares;
  readonly #plans: StagePlans;
  readonly #linker: Linker;
  #connections: readonly StageConnection[] = [];

  constructor(parts: StageSetParts) {
    this.#parts = parts;
    this.#plans = new StagePlans(parts);
    this.#linker = new Linker(parts);
    this.spares = new Spares({ ...parts, onChange: parts.onSparesChanged });
  }

  get connections(): readonly StageConnection[] {
    return this.#connections;
  }

  get planned(): PlannedRing | undefined {
    return this.#plans.current;
  }

  /** Undefined before the first plan. */
  get shape(): RingShape | undefined {
    return this.#plans.shape;
  }

  get epoch(): number {
    return this.#linker.epoch;
  }

  /**
   * Plans (or takes `placement` first) and opens; nodes that refuse are left out of the next try. Throws `PlacementRefusedError`, why this
   * node refused, or the signal's reason.
   */
  async open(
    placement: Suggestion | undefined,
    {
      onPlanned,
      onProgress,
      signal,
    }: { readonly onPlanned: () => void; readonly onProgress?: ReportProgress | undefined; readonly signal: AbortSignal },
  ): Promise<void> {
    const excluded = new Set<PeerId>();
    let suggested = placement;
    let failures: Failures = [];
    for (;;) {
      const planned = this.#first(suggested, excluded, failures);
      suggested = undefined;
      onPlanned();
      const outcome = await this.#realise(planned, this.#connections, signal, onProgress);
      this.#connections = outcome.connections;
      if (outcome.kind === 'ready') return;
      this.#exclude(outcome, excluded);
      ({ failures } = outcome);
    }
  }

  /** A refusal says what happened to the nodes of the plan before, too. */
  #first(suggested: Suggestion | undefined, excluded: ReadonlySet<PeerId>, failures: Failures): PlannedRing {
    try {
      return this.#plans.first(suggested, this.#connections.map(placedStage), excluded);
    } catch (error) {
      if (!(error instanceof PlacementRefusedError) || failures.length === 0) throw error;
      const message = [...failures.map((failure) => this.#tellFailure(failure)), error.message].join(' ');
      const hint = error.hint === undefined ? {} : { hint: error.hint };
      throw new PlacementRefusedError(message, { cause: failures[0]?.error, ...hint });
    }
  }

  #tellFailure({ peer, error }: Failures[number]): string {
    const isGone = error instanceof StreamLostError || error instanceof PeerUnreachableError;
    return isGone ? `${nameOf(this.#parts.mesh, peer)} went before its layers were loaded.` : errorMessage(error);
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
        this.#plans.current = planned;
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
        this.#plans.current = planned;
        return leaving;
      },
      discard,
    };
  }

  /**
   * Links all stages in the next epoch. What `carried` says that the old chain held is kept where it is still there, and given to new
   * stages from the journal of the one before them. Throws `LinkFailedError`, or why a stage was lost meanwhile.
   */
  link(onLost: (loss: ChainLoss) => void, carried: CarriedOver): Promise<Linked> {
    return this.#linker.link(this.#connections, onLost, carried);
  }

  /** Gives spares more of what the stages hold that they stand behind; `carried`: what is certain now. To be called now and then. */
  checkpoint(carried: Pick<CarriedOver, 'kept' | 'versions'>): void {
    this.#linker.checkpoint(this.#connections, this.spares.connections, carried);
  }

  /** What these stages have in their caches is not to be relied on; left out: nobody's is. */
  distrust(connection?: StageConnection): void {
    this.#linker.distrust(connection);
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
    const stages = this.#connections.map(placedStage);
    this.spares.prune(stages);
    const next = this.#plans.nextSpare(stages, this.spares.placed, this.spares.refusing);
    if (next !== undefined) await this.spares.open(next.planned, { ...next.opening, epoch: this.epoch }, signal);
  }

  /** As `StagePlans.rebalance`. */
  rebalance(stageMs: readonly number[]): PlannedRing | undefined {
    return this.#plans.rebalance(this.#connections.map(placedStage), stageMs);
  }

  /** Unloads them all. */
  close(reason?: PippaError): void {
    this.spares.close();
    this.#linker.close();
    closeAll(this.#connections, reason);
    this.#connections = [];
  }

  #planAround(kept: readonly StageConnection[], excluded: ReadonlySet<PeerId>): PlannedRing {
    return this.#plans.around(kept.map(placedStage), this.spares.placed, excluded);
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
      opening: { ...this.#plans.opening(), epoch: this.epoch },
      ...(onProgress === undefined ? {} : { onProgress }),
      signal,
    });
  }
}
