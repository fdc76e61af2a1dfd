import type { ModelId, PeerId, RingId } from './ids.ts';

/** A model that a node has on disk, whole or in part. */
export interface CardModel {
  readonly id: ModelId;
  readonly name: string;
  readonly fileBytes: number;
  readonly layerCount: number;
  /** Bytes that are there; `fileBytes` for a whole one. */
  readonly presentBytes: number;
}

/** A stage that a node has loaded. */
export interface CardStage {
  readonly ring: RingId;
  readonly model: ModelId;
  /** Layers `[from, to)`. */
  readonly from: number;
  readonly to: number;
  readonly memoryBytes: number;
  /** A second copy, for when the node that has the first one leaves: its memory is given up when it is wanted. */
  readonly spare?: boolean;
}

/** A ring that a node conducts. */
export interface CardRing {
  readonly ring: RingId;
  readonly model: ModelId;
  readonly name: string;
  readonly state: 'loading' | 'ready' | 'recovering';
  /** How much of it is loaded, 0 .. 1; left out once it is up. */
  readonly loadedFraction?: number;
  /** Who holds which layers, in order. */
  readonly stages: readonly { readonly peer: PeerId; readonly from: number; readonly to: number }[];
  /** Second copies of some of the stages. */
  readonly spares?: readonly { readonly peer: PeerId; readonly from: number; readonly to: number }[];
  readonly contextTokens: number;
  readonly parallelSequences: number;
  readonly running: number;
  readonly waiting: number;
  readonly predictedTokensPerSecond: number;
  /** 0 before the first measurement. */
  readonly measuredTokensPerSecond: number;
  /** Times that it was mended after a loss since it came up; left out by agents that did not tell yet. */
  readonly recoveries?: number;
  /** Somebody named its nodes, or in how many stages it is to be: it is not given up for another ring, and has no copies. */
  readonly isFixed?: boolean;
  /** Somebody wants it up whether it is used or not: it goes last when memory is wanted. */
  readonly isKept?: boolean;
  /** When it was used last, wall-clock milliseconds in whole minutes, rounded up; left out by agents that do not tell. */
  readonly lastUsedMs?: number;
  /** It came up beside another ring of the model that had more to do than it could. */
  readonly isCopy?: boolean;
}

/** What a node advertises of itself. Sizes are bytes. */
export interface NodeCard {
  readonly peer: PeerId;
  /** Grows with every change, and over restarts: the wall-clock milliseconds of the change, or one more than the last. */
  readonly version: number;
  /** What people call the machine. */
  readonly name: string;
  readonly agentVersion: string;
  readonly protocolVersion: number;
  /** `darwin-arm64`, `linux-x64`, ... */
  readonly platform: string;
  /** `Apple M3 Ultra`, `AMD EPYC 7763`, ... */
  readonly chip: string;
  /** `budget`: what models may take at all. `free`: what of it is not taken by loaded stages; spares and stages that nobody conducts any more count as free. */
  readonly memory: { readonly totalBytes: number; readonly budgetBytes: number; readonly freeBytes: number };
  /** `Metal`, `CUDA0`, `CPU` ... as the engine reports it. */
  readonly backend: string;
  /** Bytes a second that the backend reads from memory, measured or published. */
  readonly memoryBandwidth: number;
  /** Floating-point operations a second in matrix products, measured or estimated: what bounds prefill. */
  readonly computeRate: number;
  readonly performanceCores: number;
  readonly power: { readonly source: 'mains' | 'battery' | 'unknown'; readonly batteryPercent?: number };
  readonly thermalPressure: 'nominal' | 'fair' | 'serious' | 'critical' | 'unknown';
  readonly memoryPressure: 'normal' | 'warning' | 'critical' | 'unknown';
  /** Busy share of the machine, 0 .. 1. */
  readonly load: number;
  readonly models: readonly CardModel[];
  readonly stages: readonly CardStage[];
  readonly rings: readonly CardRing[];
}

/** Link tiers: 0 same machine, 1 Thunderbolt, 2 wired Ethernet, 3 Wi-Fi (and whatever is not known). */
export type LinkTier = 0 | 1 | 2 | 3;

/** How the way between two nodes is. */
export interface LinkFacts {
  readonly tier: LinkTier;
  readonly interfaceType: 'loopback' | 'thunderbolt' | 'wired' | 'wifi' | 'unknown';
  /** Round trip of a small message, milliseconds. */
  readonly roundTripMs: { readonly p50: number; readonly p99: number };
  /** Bytes a second of a bulk transfer; 0 before it was measured. */
  readonly throughput: number;
}
