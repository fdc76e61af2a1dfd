import {
  PippaError,
  type Slot,
  type StageInfo,
  type StageRunner,
  type StageRunnerOutput,
  type StageTiming,
  type Step,
} from '@pippa/core';
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

/** A step that a stage could not compute. */
export interface StepFailure {
  readonly inEpoch: string;
  readonly message: string;
  /** The test wanted it; what fails after it in the epoch comes of that. */
  readonly wasAskedFor: boolean;
}

/** A position in a cache: its token, and a digest of all tokens up to it. */
interface Cell {
  readonly token: number;
  readonly digest: number;
}

/** Digests that a 32-bit float holds exactly. */
const DIGEST_SIZE = 2 ** 24;

/**
 * A stage whose KV cache is exact: it holds the tokens of each slot, and every row must go on where its slot ends. The hidden state carries
 * the token, the layers it went through and what the stage before had in its cache up to there, so that a skipped, doubled or reordered
 * stage and a cache that does not agree with the others' fail the step.
 */
export class SimulatedStage implements StageRunner {
  readonly info: StageInfo;
  readonly #ring: string;
  readonly #faults: StageFaults;
  readonly #failures: StepFailure[];
  readonly #slots = new Map<Slot, Cell[]>();
  /** Rows that it has computed. */
  rows = 0;
  /** Positions that it was given. */
  imported = 0;
  readonly #seeds = new Map<Slot, { seed: number }>();
  readonly #onDispose: () => void;
  #consumer: (output: StageRunnerOutput) => void = () => {};
  #disposed = false;
  readonly #queue: { readonly work: () => void; turns: number }[] = [];
  readonly #turns: () => number;
  readonly #stalled: StageRunnerOutput[] = [];

  constructor(
    order: StageOrder,
    { faults, failures, turns }: Pick<SimulatedLoader, 'faults' | 'failures' | 'turns'>,
    onDispose: () => void,
  ) {
    this.#ring = order.ring;
    this.#faults = faults;
    this.#failures = failures;
    this.#turns = turns;
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
    this.#inOrder(() => {
      if (!this.#disposed) this.#emit(this.#compute(step, hidden, timings));
    });
  }

  reset(): void {
    // In order with the steps, as in a real stage.
    this.#inOrder(() => {
      this.#slots.clear();
      this.#seeds.clear();
    });
  }

  /** One thing after the other, each of which takes its time. */
  #inOrder(work: () => void): void {
    this.#queue.push({ work, turns: this.#turns() });
    if (this.#queue.length === 1) setImmediate(() => this.#run());
  }

  #run(): void {
    const [first] = this.#queue;
    if (first === undefined) return;
    if (first.turns > 0) {
      first.turns -= 1;
    } else {
      this.#queue.shift();
      first.work();
    }
    if (this.#queue.length > 0) setImmediate(() => this.#run());
  }

  async exportSlot(slot: Slot, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    const cells = (this.#slots.get(slot) ?? []).slice(from, to);
    return new Uint8Array(Int32Array.from(cells.flatMap(({ token, digest }) => [token, digest])).buffer);
  }

  async importSlot(slot: Slot, from: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    const words = new Int32Array(bytes.buffer);
    this.imported += words.length / 2;
    const held = (this.#slots.get(slot) ?? []).slice(0, from);
    for (let at = 0; at < words.length; at += 2) held.push({ token: words[at] as number, digest: words[at + 1] as number });
    this.#slots.set(slot, held);
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
    this.flush();
  }

  /** What was kept while it was stalled comes out. */
  flush(): void {
    if (this.#faults.stall) return;
    for (const each of this.#stalled.splice(0)) this.#consumer(each);
  }

  /** Shared cells count once; they are only told apart where it matters. */
  #cells(): number {
    let most = 0;
    for (const held of this.#slots.values()) most += held.length;
    return most <= this.info.contextCells ? most : new Set([...this.#slots.values()].flat()).size;
  }

  #compute(step: Step, hidden: Float32Array<ArrayBuffer> | undefined, timings: readonly StageTiming[]): StageRunnerOutput {
    const failure = (message: string, wasAskedFor = false): StageRunnerOutput => {
      this.#failures.push({ inEpoch: `${this.#ring} ${step.epoch}`, message: `step ${step.id}: ${message}`, wasAskedFor });
      return { kind: 'failure', stepId: step.id, code: 'decode_failed', message };
    };
    if (this.#faults.failNextStep) {
      this.#faults.failNextStep = false;
      return failure('a fault was asked for', true);
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
      const digest = (Math.imul(held.at(-1)?.digest ?? 1, 31) + token + 7) & (DIGEST_SIZE - 1);
      if (hidden !== undefined && hidden[row * EMBEDDING_LENGTH + 2] !== digest)
        return failure(`slot ${slot} holds other tokens up to ${held.length} than the stage before`);
      held.push({ token, digest });
      this.#slots.set(slot, held);
      out.set([token, this.info.to, digest, this.#faults.poison ? Number.NaN : 0], row * EMBEDDING_LENGTH);
    }
    this.rows += step.slots.length;
    if (this.#cells() > this.info.contextCells) return failure(`${this.#cells()} cells are more than there are`);
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

class NoRoomError extends PippaError {
  readonly code = 'out_of_memory';
}

export class SimulatedLoader implements StageLoader {
  readonly faults: StageFaults = { refuseWith: undefined, failNextStep: false, poison: false, stall: false };
  loaded = 0;
  loads = 0;
  readonly failures: StepFailure[] = [];
  /** Rounds of the event loop that the next step takes. */
  turns: () => number = () => 0;
  readonly #layers: number;
  #heldLayers = 0;
  /** All that were ever loaded. */
  readonly stages: SimulatedStage[] = [];

  /** `layers`: how many fit. */
  constructor(layers: number) {
    this.#layers = layers;
  }

  async load(order: StageOrder, { onProgress, signal }: LoadControl): Promise<StageRunner> {
    signal.throwIfAborted();
    onProgress('load', 0.5);
    await new Promise<void>((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    if (this.faults.refuseWith !== undefined) throw this.faults.refuseWith;
    const layers = order.to - order.from;
    if (this.#heldLayers + layers > this.#layers) throw new NoRoomError(`There is no room for ${layers} layers.`);
    this.#heldLayers += layers;
    this.loaded += 1;
    this.loads += 1;
    const stage = new SimulatedStage(order, this, () => {
      this.loaded -= 1;
      this.#heldLayers -= layers;
    });
    this.stages.push(stage);
    return stage;
  }
}
