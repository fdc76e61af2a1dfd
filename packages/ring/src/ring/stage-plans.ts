import { StageError, type Clock, type Mesh, type ModelManifest, type PeerId, type RingId } from '@pippa/core';
import type { RebalanceState } from '@pippa/planner';
import type { PlacedStage, RingWish } from '@pippa/protocol';
import type { StageOpening } from '../chain/stage-connection.ts';
import { planWithShape } from './choose-shape.ts';
import {
  PlacementRefusedError,
  type PlannedRing,
  type PlannedSpare,
  type PlanRequest,
  type RingPlanner,
  type RingShape,
} from './ring-planner.ts';

export interface StagePlansParts {
  readonly ring: RingId;
  readonly manifest: ModelManifest;
  readonly wish: RingWish;
  readonly mesh: Mesh;
  readonly planner: RingPlanner;
  readonly clock: Clock;
}

/** What the orders of all stages say. */
export type CommonOpening = Omit<
  StageOpening,
  'epoch' | 'from' | 'to' | 'index' | 'stageCount' | 'stagesHere' | 'expectedBytes' | 'spare'
>;

/** A placement that another node planned, and why it is so, where that was told. */
export interface Suggestion {
  readonly stages: readonly PlacedStage[];
  readonly reasons: readonly string[];
}

/** Where the stages of a ring go, as its planner says, and in what size. */
export class StagePlans {
  readonly #parts: StagePlansParts;
  #shape: RingShape | undefined;
  /** What is remembered of the pace of nodes. */
  #balance: RebalanceState | undefined;
  /** As it stands; undefined before the first plan. */
  current: PlannedRing | undefined;

  constructor(parts: StagePlansParts) {
    this.#parts = parts;
  }

  /** Undefined before the first plan. */
  get shape(): RingShape | undefined {
    return this.#shape;
  }

  /**
   * For a ring that is not up yet, in the largest size that fits. `loaded`: stages that are there from an earlier try. Throws
   * `PlacementRefusedError`.
   */
  first(suggested: Suggestion | undefined, loaded: readonly PlacedStage[], excluded: ReadonlySet<PeerId>): PlannedRing {
    const { manifest, wish } = this.#parts;
    // A copy beside what it is a copy of would answer no more than that alone.
    const unfit = wish.isCopy === true ? new Set([...excluded, ...this.#holders()]) : excluded;
    const { planned, shape } = planWithShape(manifest, wish, (size) =>
      this.#withLoaded(this.#request(size, unfit), suggested, loaded),
    );
    this.current = planned;
    this.#shape = shape;
    return planned;
  }

  /** With stages that stay where they are, and spares to take first. Throws `PlacementRefusedError`. */
  around(kept: readonly PlacedStage[], spares: readonly PlacedStage[], excluded: ReadonlySet<PeerId>): PlannedRing {
    const { planner, mesh, manifest } = this.#parts;
    const planned = planner.repair({
      ...this.#request(this.#requireShape(), excluded),
      kept,
      spares: spares.filter(({ peer }) => !excluded.has(peer)),
    });
    if (planned.stages[0]?.peer === mesh.self) return planned;
    throw new PlacementRefusedError(`The first layers of ${manifest.name} have no place on the node that conducts it.`);
  }

  /** The next second copy that is wanted, and the order for it. */
  nextSpare(
    stages: readonly PlacedStage[],
    spares: readonly PlacedStage[],
    refusing: readonly PeerId[],
  ): { readonly planned: PlannedSpare; readonly opening: Omit<StageOpening, 'epoch'> } | undefined {
    const { planner, mesh } = this.#parts;
    // Without its conductor there is no ring, whoever has copies of the stages there.
    const placement = stages.filter((stage) => stage.peer !== mesh.self);
    const request = this.#request(this.#requireShape(), new Set(refusing));
    const [planned] = planner.spares({ ...request, placement, spares });
    if (planned === undefined) return undefined;
    const { peer, from, to } = planned;
    const opening = {
      ...this.opening(),
      from,
      to,
      index: stages.findIndex((stage) => stage.from === from),
      stageCount: stages.length,
      stagesHere: stages.filter((stage) => stage.peer === peer).length + 1,
      expectedBytes: Math.round(planned.bytes),
      spare: true,
    };
    return { planned, opening };
  }

  /**
   * Whether layers had better move off a slow node, and with what to get there: by what the stages took lately. Stages as many as were asked
   * for stay.
   */
  rebalance(placement: readonly PlacedStage[], stageMs: readonly number[]): PlannedRing | undefined {
    const { planner, wish, clock } = this.#parts;
    if (placement.length < 2 || stageMs.length !== placement.length || wish.stageCount !== undefined) return undefined;
    const { move, state } = planner.rebalance({
      ...this.#request(this.#requireShape(), new Set()),
      placement,
      stageMs,
      state: this.#balance,
      nowMs: clock.nowMs(),
    });
    this.#balance = state;
    return move && { ...move, predictedTokensPerSecond: this.current?.predictedTokensPerSecond ?? 0 };
  }

  opening(): CommonOpening {
    const { ring, manifest, wish } = this.#parts;
    const { contextTokens, parallelSequences, maxRows } = this.#requireShape();
    return {
      ring,
      model: { id: manifest.id, name: manifest.name },
      layerCount: manifest.layers.length,
      contextCells: contextTokens * parallelSequences,
      parallelSequences,
      maxRows,
      activations: wish.activations,
      ownCells: wish.exactReplay === true,
    };
  }

  /** What is loaded already stays where that can be: its memory is not free on anybody's card. */
  #withLoaded(request: PlanRequest, suggested: Suggestion | undefined, loaded: readonly PlacedStage[]): PlannedRing {
    const { planner } = this.#parts;
    if (suggested !== undefined) {
      const planned = planner.repair({ ...request, kept: suggested.stages });
      return suggested.reasons.length === 0 ? planned : { ...planned, reasons: suggested.reasons };
    }
    if (loaded.length > 0 && request.shape.contextTokens === this.#shape?.contextTokens) {
      try {
        return planner.repair({ ...request, kept: loaded });
      } catch (error) {
        if (!(error instanceof PlacementRefusedError)) throw error;
      }
    }
    // Those of an earlier try that the new plan has no use for are closed before others are opened.
    return planner.place({ ...request, gone: new Set([this.#parts.ring]) });
  }

  /** Nodes with stages of other rings of the model. */
  #holders(): PeerId[] {
    const { mesh, ring, manifest } = this.#parts;
    const rings = [mesh.card, ...mesh.peers().map(({ card }) => card)].flatMap((card) => card?.rings ?? []);
    return rings
      .filter((other) => other.model === manifest.id && other.ring !== ring)
      .flatMap(({ stages }) => stages.map(({ peer }) => peer));
  }

  #request(shape: RingShape, excluded: ReadonlySet<PeerId>): PlanRequest {
    const { manifest, wish, mesh } = this.#parts;
    return { manifest, wish, shape, excluded, first: mesh.self };
  }

  #requireShape(): RingShape {
    if (this.#shape === undefined) throw new StageError('The ring was never planned.');
    return this.#shape;
  }
}
