import type { Slot, StageInfo, StageRunner, StageRunnerOutput, StageTiming, Step } from '@pippa/core';
import type { StageLoader, StageOrder, LoadControl } from '../../src/index.ts';
import { END_TOKEN, nextToken } from './simulated-chain.ts';

const EMBEDDING_LENGTH = 4;
export const VOCABULARY_SIZE = 1000;

/** What tests do to the stages of one node. */
export interface StageFaults {
  /** Thrown by the next loads. */
  refuseWith: Error | undefined;
  /** Answers the next step with a failure. */
  failNextStep: boolean;
  /** Hands on hidden states with a NaN in them. */
  poison: boolean;
  /** Keeps what comes out until it is false again. */
  stall: boolean;
}

/**
 * A stage whose KV cache is exact: it holds the tokens of each slot, and every row must go on where its slot ends. The hidden state carries
 * the token and a checksum over the layers it went through, so a skipped, doubled or reordered stage changes the text.
 */
export class SimulatedStage implements StageRunner {
  readonly info: StageInfo;
  readonly #faults: StageFaults;
  readonly #slots = new Map<Slot, number[]>();
  readonly #seeds = new Map<Slot, { seed: number }>();
  readonly #onDispose: () => void;
  #consumer: (output: StageRunnerOutput) => void = () => {};
  #disposed = false;
  readonly #stalled: StageRunnerOutput[] = [];

  constructor(order: StageOrder, faults: StageFaults, onDispose: () => void) {
    this.#faults = faults;
    this.#onDispose = onDispose;
    this.info = {
      from: order.from,
      to: order.to,
      layerCount: order.layerCount,
      embeddingLength: EMBEDDING_LENGTH,
      vocabularySize: VOCABULARY_SIZE,
      contextCells: order.contextCells,
      parallelSequences: order.parallelSequences,
      maxRows: order.maxRows,
      canTruncate: true,
      memoryBytes: { weights: 1000 * (order.to - order.from), context: 0, compute: 0 },
      backend: 'simulated',
    };
  }

  submit(step: Step, hidden: Float32Array<ArrayBuffer> | undefined, timings: readonly StageTiming[]): void {
    setImmediate(() => {
      if (!this.#disposed) this.#emit(this.#compute(step, hidden, timings));
    });
  }

  reset(): void {
    // In order with the steps, as in a real stage.
    setImmediate(() => {
      this.#slots.clear();
      this.#seeds.clear();
    });
  }

  onOutput(consumer: (output: StageRunnerOutput) => void): void {
    this.#consumer = consumer;
  }

  onLoss(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#onDispose();
  }

  #emit(output: StageRunnerOutput): void {
    this.#stalled.push(output);
    if (this.#faults.stall) return;
    for (const each of this.#stalled.splice(0)) this.#consumer(each);
  }

  #compute(step: Step, hidden: Float32Array<ArrayBuffer> | undefined, timings: readonly StageTiming[]): StageRunnerOutput {
    const failure = (message: string): StageRunnerOutput => ({ kind: 'failure', stepId: step.id, code: 'decode_failed', message });
    if (this.#faults.failNextStep) {
      this.#faults.failNextStep = false;
      return failure('a fault was asked for');
    }
    for (const operation of step.memory) {
      if (operation.kind === 'copy')
        this.#slots.set(operation.target, (this.#slots.get(operation.source) ?? []).slice(operation.from, operation.to));
      else this.#slots.set(operation.slot, (this.#slots.get(operation.slot) ?? []).slice(0, operation.from));
    }
    const isLast = this.info.to === this.info.layerCount;
    if (isLast) {
      for (const operation of step.samplers) {
        if (operation.kind === 'open') this.#seeds.set(operation.slot, operation.settings);
        else this.#seeds.delete(operation.slot);
      }
    }
    const out = new Float32Array(step.slots.length * EMBEDDING_LENGTH);
    for (const [row, slotIndex] of step.slots.entries()) {
      const slot = slotIndex as Slot;
      const token = hidden === undefined ? (step.tokens[row] as number) : (hidden[row * EMBEDDING_LENGTH] as number);
      const layers = hidden === undefined ? 0 : (hidden[row * EMBEDDING_LENGTH + 1] as number);
      if (layers !== this.info.from) return failure(`layer ${this.info.from} got the output of layer ${layers - 1}`);
      const held = this.#slots.get(slot) ?? [];
      if (held.length !== step.positions[row])
        return failure(`slot ${slot} holds ${held.length}, the row is for ${step.positions[row]}`);
      held.push(token);
      this.#slots.set(slot, held);
      out.set([token, this.info.to, 0, this.#faults.poison ? Number.NaN : 0], row * EMBEDDING_LENGTH);
    }
    const all = [...timings, { computeMs: 1 }];
    if (!isLast) return { kind: 'hidden', step, hidden: out, timings: all };
    const samples = [];
    for (const { slot } of step.outputs) {
      const sampler = this.#seeds.get(slot);
      if (sampler === undefined) return failure(`slot ${slot} has no sampler`);
      const token = nextToken(this.#slots.get(slot) ?? [], sampler.seed);
      samples.push({ slot, token, endOfGeneration: token === END_TOKEN });
    }
    return { kind: 'result', result: { id: step.id, epoch: step.epoch, samples, samplerFailures: [], timings: all } };
  }
}

export class SimulatedLoader implements StageLoader {
  readonly faults: StageFaults = { refuseWith: undefined, failNextStep: false, poison: false, stall: false };
  loaded = 0;
  loads = 0;

  async load(order: StageOrder, { onProgress, signal }: LoadControl): Promise<StageRunner> {
    signal.throwIfAborted();
    onProgress('load', 0.5);
    await new Promise<void>((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    if (this.faults.refuseWith !== undefined) throw this.faults.refuseWith;
    this.loaded += 1;
    this.loads += 1;
    return new SimulatedStage(order, this.faults, () => (this.loaded -= 1));
  }
}
