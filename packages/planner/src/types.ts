import type { LinkFacts, LinkTier, ModelId, ModelManifest, PeerId } from '@pippa/core';
import type { Calibration } from './calibrate.ts';

/** What planning needs to know of a node; `plannerNode` makes it of a card. */
export interface PlannerNode {
  readonly peer: PeerId;
  readonly name: string;
  readonly budgetBytes: number;
  /** What of the budget no loaded stage takes. */
  readonly freeBytes: number;
  /** Bytes a second, above 0. */
  readonly memoryBandwidth: number;
  /** Operations a second, above 0. */
  readonly computeRate: number;
  /** The way from the planning node to this one; between two others the worse of both holds until `links` says otherwise. */
  readonly link: LinkFacts;
  readonly power: 'mains' | 'battery' | 'unknown';
  /** Busy share, 0 .. 1. */
  readonly load: number;
  /** Models that it has on disk, whole. */
  readonly models: readonly ModelId[];
  /** Stages that it has loaded: they take no more memory. None when left out. */
  readonly loaded?: readonly { readonly model: ModelId; readonly from: number; readonly to: number }[];
  /** Why it is slower or smaller than it looks, in words: heat, memory pressure. */
  readonly remark?: string;
}

/** A measured way between two nodes, in either direction. */
export interface PlannerLink {
  readonly a: PeerId;
  readonly b: PeerId;
  readonly tier: LinkTier;
  readonly roundTripMs: number;
  /** Bytes a second; 0 before it was measured. */
  readonly throughput: number;
}

/**
 * `memory`: no node is fuller than need be. `speed`: the shortest time a token. `throughput`: the shortest slowest stage, so that
 * many sequences together get the most.
 */
export type Strategy = 'memory' | 'speed' | 'throughput';

/** Layers `[from, to)` on a node. */
export interface StageRange {
  readonly peer: PeerId;
  readonly from: number;
  readonly to: number;
}

export interface Wish {
  /** Tokens that each sequence may hold. */
  readonly contextTokens: number;
  readonly parallelSequences: number;
  /** Rows of the largest step. */
  readonly maxRows: number;
  readonly lane: 'interactive' | 'batch';
  readonly strategy: Strategy;
  /** Nodes that may hold a stage; all when left out. */
  readonly only?: readonly PeerId[];
  readonly exclude?: readonly PeerId[];
  /** The node that holds the first layers, and so conducts. */
  readonly first?: PeerId;
  /** Exactly so many stages. */
  readonly split?: number;
  /** Exactly these stages: checked, not chosen. */
  readonly stages?: readonly StageRange[];
}

export interface PlacementInput {
  readonly nodes: readonly PlannerNode[];
  readonly links: readonly PlannerLink[];
  readonly manifest: ModelManifest;
  readonly wish: Wish;
  /** What was measured so far. */
  readonly calibration?: Calibration;
}

/** Bytes. */
export interface StageMemory {
  readonly weights: number;
  readonly context: number;
  readonly compute: number;
  readonly total: number;
}

export interface PlacedStage extends StageRange {
  readonly memory: StageMemory;
  /** What the stage computes for one token of one sequence. */
  readonly computeMs: number;
}

export interface Prediction {
  /** One stream. */
  readonly decodeTokensPerSecond: number;
  /** All parallel sequences together. */
  readonly throughputTokensPerSecond: number;
  readonly prefillTokensPerSecond: number;
  /** Of a prompt of `SPEED_MODEL.promptTokens`. */
  readonly firstTokenMs: number;
  /** Share of a token's time that is spent between the nodes, 0 .. 1. */
  readonly networkShare: number;
}

export interface Placed {
  readonly kind: 'placed';
  readonly stages: readonly PlacedStage[];
  readonly predicted: Prediction;
  /** Why so, for people. */
  readonly reasons: readonly string[];
  readonly warnings: readonly string[];
}

export interface Refused {
  readonly kind: 'refused';
  /** What more one node would need for the model to fit; 0 when memory is not what is missing. */
  readonly missingBytes: number;
  readonly reasons: readonly string[];
  /** What would change it. */
  readonly suggestions: readonly string[];
}

export type PlacementResult = Placed | Refused;
