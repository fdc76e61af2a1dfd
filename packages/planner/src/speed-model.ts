import type { PeerId } from '@pippa/core';
import type { Calibration } from './calibrate.ts';
import type { LinkTable } from './link-table.ts';
import type { ModelCosts } from './model-costs.ts';
import { SPEED_MODEL } from './policy.ts';
import type { PlannerNode, Prediction, StageRange, Wish } from './types.ts';

const MS = 1000;

/** A stage with its node at hand. */
export interface StageOnNode extends StageRange {
  readonly node: PlannerNode;
}

/** Predicted times, in milliseconds. packages/planner/README.md states the model. */
export class SpeedModel {
  readonly #costs: ModelCosts;
  readonly #links: LinkTable;
  readonly #calibration: Calibration | undefined;

  constructor(costs: ModelCosts, links: LinkTable, calibration: Calibration | undefined) {
    this.#costs = costs;
    this.#links = links;
    this.#calibration = calibration;
  }

  /** What a node computes for one token in the layers `[from, to)`, the head and the overhead left out: it adds up over layers. */
  layersMs(node: PlannerNode, from: number, to: number): number {
    return (this.#costs.bytesReadPerToken(from, to) / node.memoryBandwidth) * this.#slowdown(node.peer) * MS;
  }

  /** The head's part, on the last stage. */
  headMs(node: PlannerNode): number {
    return (this.#costs.headBytes / node.memoryBandwidth) * this.#slowdown(node.peer) * MS;
  }

  stageMs(node: PlannerNode, from: number, to: number): number {
    const head = to === this.#costs.layerCount ? this.headMs(node) : 0;
    return this.layersMs(node, from, to) + head + SPEED_MODEL.stageOverheadMs;
  }

  /** From one stage to the next, for `rows` tokens. */
  hopMs(from: PeerId, to: PeerId, rows = 1): number {
    return this.backMs(from, to) + this.transferMs(from, to, rows);
  }

  /** The sending alone: what the next step's activations wait for. */
  transferMs(from: PeerId, to: PeerId, rows = 1): number {
    return ((rows * this.#costs.boundaryBytes) / this.#links.way(from, to).throughput) * MS;
  }

  /** From the last stage to the conductor: a token id, which is next to no bytes. */
  backMs(from: PeerId, to: PeerId): number {
    return this.#links.way(from, to).roundTripMs / 2;
  }

  predict(stages: readonly StageOnNode[], wish: Pick<Wish, 'parallelSequences' | 'maxRows'>): Prediction {
    const hops = stages.slice(1).map((stage, index) => [(stages[index] ?? stage).peer, stage.peer] as const);
    const first = stages[0]?.peer;
    const last = stages.at(-1)?.peer;
    const backMs = first === undefined || last === undefined || stages.length === 1 ? 0 : this.backMs(last, first);

    const stageMs = stages.map(({ node, from, to }) => this.stageMs(node, from, to));
    const networkMs = sum(hops.map(([from, to]) => this.hopMs(from, to))) + backMs;
    const tokenMs = sum(stageMs) + networkMs;
    const slowestMs = Math.max(...stageMs, ...hops.map(([from, to]) => this.transferMs(from, to)));

    const rows = Math.min(SPEED_MODEL.promptTokens, wish.maxRows);
    const chunks = Math.ceil(SPEED_MODEL.promptTokens / rows);
    const chunkMs = stages.map((stage) => this.#prefillMs(stage, rows));
    const slowestChunkMs = Math.max(...chunkMs, ...hops.map(([from, to]) => this.transferMs(from, to, rows)));
    const prefillMs = sum(chunkMs) + sum(hops.map(([from, to]) => this.hopMs(from, to, rows))) + (chunks - 1) * slowestChunkMs;
    return {
      decodeTokensPerSecond: MS / tokenMs,
      throughputTokensPerSecond: Math.min(MS / slowestMs, (wish.parallelSequences * MS) / tokenMs),
      prefillTokensPerSecond: (SPEED_MODEL.promptTokens * MS) / prefillMs,
      firstTokenMs: prefillMs + backMs,
      networkShare: networkMs / tokenMs,
    };
  }

  /** A chunk of a prompt: bound by arithmetic, and at least by reading every weight once. */
  #prefillMs({ node, from, to }: StageOnNode, rows: number): number {
    const operations = SPEED_MODEL.operationsPerParameter * this.#costs.activeParameters(from, to) * rows;
    const headBytes = to === this.#costs.layerCount ? this.#costs.headBytes : 0;
    const bytes = this.#costs.weightBytes(from, to) + headBytes;
    const seconds = Math.max(operations / node.computeRate, bytes / node.memoryBandwidth);
    return seconds * this.#slowdown(node.peer) * MS + SPEED_MODEL.stageOverheadMs;
  }

  #slowdown(peer: PeerId): number {
    return this.#calibration?.slowdown.get(peer) ?? 1;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
