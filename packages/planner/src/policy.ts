import type { LinkTier } from '@pippa/core';

/** The founding notebook's rules and the model's constants, in one place. */
export const POLICY = {
  /** A model that takes no more of a node's budget than this runs there alone. */
  soloShare: 0.8,
  /** A stage of several takes no more of its node's budget than this, unless memory forces it. */
  stageShare: 0.9,
  /** With this share of a token's time in the network, no node is added for speed. */
  networkShare: 0.2,
  /** Links of this tier (Wi-Fi) carry a stage only when memory forces it. */
  reluctantTier: 3,
  /** A node on battery with so little left is about to go: it takes no more, and gives away what it has. */
  lowBatteryPercent: 10,
  /** A node more must make it so much faster, or it is left out: more nodes are more that can fail. */
  worthwhileGain: 0.1,
  /** What a token's time may lose to stages that are equally busy. */
  levellingLoss: 0.02,
  /** A ring slower than this share of what a node alone is predicted to give is not asked while that node can be. */
  autoPin: 0.6,
  /** The interactive lane's marks. */
  interactive: { tokensPerSecond: 15, warnTokensPerSecond: 8, firstTokenMs: 300 },
} as const;

/** What predictions assume; packages/planner/README.md states the model. */
export const SPEED_MODEL = {
  /** Scheduling, framing and synchronisation of a stage a step. */
  stageOverheadMs: 0.3,
  /** Tokens already in the cache of the sequence whose next token is predicted. */
  textTokens: 1024,
  /** Prompt of the predicted first token and prefill rate. */
  promptTokens: 512,
  /** Bytes of one activation: f32. */
  activationBytes: 4,
  /** Operations a weight and token. */
  operationsPerParameter: 2,
  /** A node that gives no bandwidth: a slow laptop's. */
  unknownBandwidth: 20e9,
  /** Operations a byte of bandwidth, of a node that gives no compute rate: a CPU's. */
  operationsPerByte: 10,
} as const;

/** What is assumed of a link before it was measured. `throughput`: bytes a second, encrypted. */
export const UNMEASURED_LINKS: Readonly<Record<LinkTier, { readonly roundTripMs: number; readonly throughput: number }>> = {
  0: { roundTripMs: 0.2, throughput: 400e6 },
  1: { roundTripMs: 0.4, throughput: 400e6 },
  2: { roundTripMs: 0.6, throughput: 100e6 },
  3: { roundTripMs: 4, throughput: 20e6 },
};

/** Share of its speed that a hot machine keeps. */
export const THERMAL_SPEED = { nominal: 1, fair: 1, serious: 0.75, critical: 0.5, unknown: 1 } as const;

/** Milliseconds that decide between placements that are as good as equal; never part of a prediction. */
export const PREFERENCES = {
  /** The model must be fetched first. */
  withoutCopyMs: 0.02,
  /** Not on the node that plans, which most often is the one that was asked: every token would cross a link more. */
  elsewhereMs: 0.04,
  /** It may be closed and carried away. */
  onBatteryMs: 0.05,
  /** At full load; scaled by the load. */
  busyMs: 0.02,
} as const;

/** How the router weighs rings against each other. */
export const ROUTING = {
  /** What an answer is taken to have when nobody says how long it may get. */
  answerTokens: 256,
  /** Prompt tokens a second for each token a second of decoding, of a ring whose prefill was not measured. */
  prefillPerDecode: 10,
  /** How much of an answer's time a full ring adds to it: sequences of one batch hold each other up a little. */
  crowding: 0.3,
  /** The same as batch work counts it. */
  batchCrowding: 2,
  /** A rate that is not known. */
  slowestTokensPerSecond: 0.1,
  /** The way to the conductor, by link tier. */
  tierMs: [0, 2, 5, 50],
} as const;

/** When second copies are kept. */
export const SPARES = {
  /** A spare takes no more of a node's budget than this together with all else there: other models must still come up. */
  share: 0.8,
  powerRisk: { battery: 4, unknown: 1, mains: 0 },
  wifiRisk: 2,
} as const;

/** When layers are moved off a slow node, and what keeps them from moving back and forth. */
export const REBALANCE = {
  /** The new placement must be so much faster, ... */
  gain: 0.25,
  /** ... at every look for so long, milliseconds, ... */
  sustainMs: 60_000,
  /** ... at so many looks at least. */
  looks: 5,
  /** After a move nothing moves for so long: the new placement must be measured first. */
  restMs: 300_000,
  /** Weight of a new measurement in the smoothed one. */
  smoothing: 0.2,
  /** A node that layers were moved off is given no more for so long; twice as long after each further time. */
  mistrustMs: 1_800_000,
  /** Most doublings of it. */
  mistrustDoublings: 8,
} as const;

export const PLANNER_LIMITS = {
  /** Up to so many nodes all orders and subsets are tried. */
  exactNodes: 8,
  /** Nodes beyond are left out, those with the least memory first. */
  nodes: 64,
  /** Stages of one ring: every one is a hop, and one more node that can fail. */
  stages: 64,
} as const;
