import type { PeerId } from '@pippa/core';
import type { Calibration } from './calibrate.ts';
import type { LinkTable } from './link-table.ts';
import type { ModelCosts } from './model-costs.ts';
import { ROUTING, SPEED_MODEL } from './policy.ts';
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
    return (this.#costs.bytesRead(from, to, 1) / node.memoryBandwidth) * this.#slowdown(node.peer) * MS;
  }

  /** The head's part, on the last stage. */
  headMs(node: PlannerNode): number {
    return (this.#costs.headBytes / node.memoryBandwidth) * this.#slowdown(node.peer) * MS;
  }

  /**
   * A step of `rows` tokens of as many sequences. Weights are read once for all of them, so that a step is bound by arithmetic only
   * when it has many.
   */
  stageMs(node: PlannerNode, from: number, to: number, rows = 1): number {
    const head = to === this.#costs.layerCount ? this.headMs(node) : 0;
    if (rows === 1) return this.layersMs(node, from, to) + head + SPEED_MODEL.stageOverheadMs;
    const readMs = (this.#costs.bytesRead(from, to, rows) / node.memoryBandwidth) * this.#slowdown(node.peer) * MS + head;
    return Math.max(readMs, this.#arithmeticMs(node, from, to, rows)) + SPEED_MODEL.stageOverheadMs;
  }

  /** A step of `rows` tokens, and what comes with it of the prompts that these answer: of prompts the head computes next to nothing. */
  shareMs(stage: StageOnNode, rows: number, maxRows: number): number {
    const chunkRows = Math.min(SPEED_MODEL.promptTokens, maxRows);
    const promptRows = (rows * SPEED_MODEL.promptTokens) / ROUTING.answerTokens;
    return this.stageMs(stage.node, stage.from, stage.to, rows) + (promptRows / chunkRows) * this.#prefillMs(stage, chunkRows);
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
    const tokenMs = this.#passMs(stages, 1);
    const networkMs = tokenMs - sum(stages.map(({ node, from, to }) => this.stageMs(node, from, to)));

    const rows = Math.min(SPEED_MODEL.promptTokens, wish.maxRows);
    const chunks = Math.ceil(SPEED_MODEL.promptTokens / rows);
    const chunkMs = stages.map((stage) => this.#prefillMs(stage, rows));
    const hops = hopsOf(stages);
    const slowestChunkMs = Math.max(...chunkMs, ...hops.map(([from, to]) => this.transferMs(from, to, rows)));
    const last = stages.at(-1);
    const headMs = last === undefined ? 0 : this.headMs(last.node);
    const hopMs = sum(hops.map(([from, to]) => this.hopMs(from, to, rows)));
    const prefillMs = sum(chunkMs) + hopMs + (chunks - 1) * slowestChunkMs + headMs;
    return {
      decodeTokensPerSecond: MS / tokenMs,
      throughputTokensPerSecond: this.#throughput(stages, wish.parallelSequences),
      prefillTokensPerSecond: (SPEED_MODEL.promptTokens * MS) / prefillMs,
      firstTokenMs: prefillMs + this.#returnMs(stages),
      networkShare: networkMs / tokenMs,
    };
  }

  /** One step of `rows` tokens through all stages and back. */
  #passMs(stages: readonly StageOnNode[], rows: number): number {
    const hopMs = hopsOf(stages).map(([from, to]) => this.hopMs(from, to, rows));
    return sum(stages.map(({ node, from, to }) => this.stageMs(node, from, to, rows))) + sum(hopMs) + this.#returnMs(stages);
  }

  #returnMs(stages: readonly StageOnNode[]): number {
    const [first] = stages;
    const last = stages.at(-1);
    return first === undefined || last === undefined || stages.length === 1 ? 0 : this.backMs(last.peer, first.peer);
  }

  /**
   * Tokens a second of all sequences, in as many groups as serve best: while one group is in one stage, the others are in others, but
   * every group reads the weights anew.
   */
  #throughput(stages: readonly StageOnNode[], sequences: number): number {
    let best = 0;
    for (let groups = 1; groups <= Math.min(sequences, stages.length); groups += 1) {
      const rows = Math.ceil(sequences / groups);
      const busiestMs = Math.max(
        ...stages.map(({ node, from, to }) => this.stageMs(node, from, to, rows)),
        ...hopsOf(stages).map(([from, to]) => this.transferMs(from, to, rows)),
      );
      best = Math.max(best, (sequences * MS) / Math.max(groups * busiestMs, this.#passMs(stages, rows)));
    }
    return best;
  }

  /** A chunk of a prompt, the head left out: bound by arithmetic, and at least by reading every weight once. */
  #prefillMs({ node, from, to }: StageOnNode, rows: number): number {
    const readMs = (this.#costs.weightBytes(from, to) / node.memoryBandwidth) * this.#slowdown(node.peer) * MS;
    return Math.max(readMs, this.#arithmeticMs(node, from, to, rows)) + SPEED_MODEL.stageOverheadMs;
  }

  #arithmeticMs(node: PlannerNode, from: number, to: number, rows: number): number {
    const operations = SPEED_MODEL.operationsPerParameter * this.#costs.activeParameters(from, to) * rows;
    return (operations / node.computeRate) * this.#slowdown(node.peer) * MS;
  }

  #slowdown(peer: PeerId): number {
    return this.#calibration?.slowdown.get(peer) ?? 1;
  }
}

function hopsOf(stages: readonly StageOnNode[]): readonly (readonly [from: PeerId, to: PeerId])[] {
  return stages.slice(1).map((stage, index) => [(stages[index] ?? stage).peer, stage.peer]);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
