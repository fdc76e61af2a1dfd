import type { MemoryOperation, Sample, Slot, StageChain, StageInfo, Step, StepResult } from '@pippa/core';

const VOCABULARY_SIZE = 1000;
export const END_TOKEN = 999;

/** The next token as a function of everything before it: any mistake in positions, slots or reuse changes the rest of the text. */
export function nextToken(history: readonly (number | { readonly token: number })[], seed: number): number {
  let hash = seed;
  for (const each of history) hash = (Math.imul(hash, 31) + (typeof each === 'number' ? each : each.token) + 7) % 1_000_003;
  return Math.abs(hash) % (END_TOKEN - 1);
}

/** Virtual time: `run` plays scheduled moments in order until nothing is left. */
export class VirtualTime {
  nowMs = 0;
  readonly #moments: { atMs: number; action: () => void }[] = [];

  at(atMs: number, action: () => void): void {
    this.#moments.push({ atMs, action });
    this.#moments.sort((a, b) => a.atMs - b.atMs);
  }

  async run(): Promise<void> {
    for (;;) {
      // Let every promise that became ready act before time goes on.
      await new Promise<void>((resolve) => setImmediate(resolve));
      const moment = this.#moments.shift();
      if (moment === undefined) return;
      this.nowMs = Math.max(this.nowMs, moment.atMs);
      moment.action();
    }
  }
}

/** A chain whose KV is exact: a step that breaks a rule of the contract rejects, and the test sees it. */
export class SimulatedChain implements StageChain {
  readonly stages: readonly StageInfo[];
  readonly steps: Step[] = [];
  failAtStep = Infinity;
  readonly #time: VirtualTime;
  readonly #rowMs: number;
  readonly #stageFreeMs: number[];
  /** A cell is an object: a copied prefix takes none of its own, as in the engine's unified cache. */
  readonly #slots = new Map<Slot, { readonly token: number }[]>();
  readonly #seeds = new Map<Slot, number>();

  constructor(
    time: VirtualTime,
    options: { stages: number; contextCells: number; parallelSequences: number; canTruncate?: boolean; rowMs?: number },
  ) {
    this.#time = time;
    this.#rowMs = (options.rowMs ?? 1) / options.stages;
    this.#stageFreeMs = new Array<number>(options.stages).fill(0);
    this.stages = Array.from({ length: options.stages }, (_, index) => ({
      from: index,
      to: index + 1,
      layerCount: options.stages,
      embeddingLength: 8,
      vocabularySize: VOCABULARY_SIZE,
      contextCells: options.contextCells,
      parallelSequences: options.parallelSequences,
      maxRows: 512,
      canTruncate: options.canTruncate ?? true,
      memoryBytes: { weights: 0, context: 0, compute: 0 },
      backend: 'simulated',
    }));
  }

  get cells(): number {
    return new Set([...this.#slots.values()].flat()).size;
  }

  submit(step: Step): Promise<StepResult> {
    this.steps.push(step);
    if (step.id >= this.failAtStep) return Promise.reject(new Error('stage lost'));
    let result: StepResult;
    try {
      result = this.#compute(step);
    } catch (error) {
      return Promise.reject(error);
    }
    let doneMs = this.#time.nowMs;
    for (const stage of this.#stageFreeMs.keys()) {
      doneMs = Math.max(doneMs, this.#stageFreeMs[stage] as number) + step.slots.length * this.#rowMs;
      this.#stageFreeMs[stage] = doneMs;
    }
    return new Promise((resolve) => this.#time.at(doneMs, () => resolve(result)));
  }

  #compute(step: Step): StepResult {
    for (const operation of step.memory) this.#apply(operation);
    for (const operation of step.samplers) {
      if (operation.kind === 'open') this.#seeds.set(operation.slot, operation.settings.seed);
      else this.#seeds.delete(operation.slot);
    }
    for (const [row, slot] of step.slots.entries()) {
      const held = this.#slots.get(slot as Slot) ?? [];
      if (held.length !== step.positions[row])
        throw new Error(`slot ${slot} holds ${held.length}, row is for ${step.positions[row]}`);
      held.push({ token: step.tokens[row] as number });
      this.#slots.set(slot as Slot, held);
    }
    if (this.cells > (this.stages[0] as StageInfo).contextCells) throw new Error('out of cells');
    const samples: Sample[] = step.outputs.map(({ slot }) => {
      const seed = this.#seeds.get(slot);
      if (seed === undefined) throw new Error(`slot ${slot} has no sampler`);
      const history = (this.#slots.get(slot) ?? []).map((cell) => cell.token);
      const token = nextToken(history, seed);
      return { slot, token, endOfGeneration: token === END_TOKEN };
    });
    const timings = this.stages.map(() => ({ computeMs: step.slots.length * this.#rowMs }));
    return { id: step.id, epoch: step.epoch, samples, samplerFailures: [], timings };
  }

  #apply(operation: MemoryOperation): void {
    if (operation.kind === 'copy') {
      const source = this.#slots.get(operation.source) ?? [];
      if (operation.to > source.length) throw new Error('copy of more than the source holds');
      this.#slots.set(operation.target, source.slice(operation.from, operation.to));
      return;
    }
    const held = this.#slots.get(operation.slot) ?? [];
    if (operation.from > 0 && !(this.stages[0] as StageInfo).canTruncate) throw new Error('truncated a slot that cannot be');
    this.#slots.set(operation.slot, held.slice(0, operation.from));
  }
}
