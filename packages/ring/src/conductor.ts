import {
  chainLimits,
  GrammarError,
  InvalidInputError,
  OverloadedError,
  PromptTooLongError,
  sequenceId,
  StageError,
  StoppedError,
  type Clock,
  type EndReason,
  type GenerationEvent,
  type GenerationRequest,
  type Logger,
  type MemoryOperation,
  type SamplerOperation,
  type StageChain,
  type Startable,
  type Step,
  type StepResult,
  type TokenGenerator,
} from '@pippa/core';
import { planStep, type PlannedRows } from './plan-step.ts';
import { Sequence } from './sequence.ts';
import type { ConductorSettings } from './settings.ts';
import { Slots } from './slots.ts';
import { WaitingLine } from './waiting-line.ts';

export interface ConductorSnapshot {
  readonly running: number;
  readonly waiting: number;
  readonly freeSlots: number;
  /** KV cells that hold tokens, idle caches included. */
  readonly usedCells: number;
  readonly contextCells: number;
  readonly steps: number;
  readonly stepsInFlight: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly generatedTokens: number;
  readonly preemptions: number;
}

export type Conductor = TokenGenerator & Startable & { snapshot(): ConductorSnapshot };

/** Holds a ring's sequences, batches them into steps and drives the steps through the stages. */
export function createConductor(parts: {
  readonly chain: StageChain;
  readonly settings: ConductorSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}): Conductor {
  return new RingConductor(parts.chain, parts.settings, parts.clock, parts.logger);
}

/** Weight of the newest measurement in running averages. */
const AVERAGE_WEIGHT = 0.2;
const MAX_RETRY_AFTER_SECONDS = 60;

class RingConductor implements Conductor {
  readonly contextTokens: number;
  readonly #chain: StageChain;
  readonly #settings: ConductorSettings;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limits: ReturnType<typeof chainLimits>;
  readonly #vocabularySize: number;
  readonly #slots: Slots;
  readonly #waiting: WaitingLine;
  readonly #running: Sequence[] = [];
  readonly #memory: MemoryOperation[] = [];
  readonly #samplers: SamplerOperation[] = [];
  #stepId = 0;
  #stepsInFlight = 0;
  #nextSequence = 0;
  #ended: Error | undefined;
  #draining = false;
  #onIdle: (() => void) | undefined;
  #averageRequestMs = 1000;
  #promptTokens = 0;
  #cachedTokens = 0;
  #generatedTokens = 0;
  #preemptions = 0;

  constructor(chain: StageChain, settings: ConductorSettings, clock: Clock, logger: Logger) {
    this.#chain = chain;
    this.#settings = settings;
    this.#clock = clock;
    this.#logger = logger;
    this.#limits = chainLimits(chain.stages);
    this.#vocabularySize = chain.stages[0]?.vocabularySize ?? 0;
    this.contextTokens = Math.min(settings.contextTokens, this.#limits.contextCells);
    this.#slots = new Slots(this.#limits.parallelSequences, this.#limits.canTruncate);
    this.#waiting = new WaitingLine(settings.batchAgeingMs);
  }

  async start(): Promise<void> {}

  async *generate(
    request: GenerationRequest,
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    options.signal?.throwIfAborted();
    this.#check(request);
    const sequence = new Sequence(sequenceId((this.#nextSequence += 1)), request, this.#clock.nowMs());
    const onAbort = (): void => this.#finish(sequence, { reason: options.signal?.reason });
    options.signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiting.add(sequence);
    this.#drive();
    try {
      yield* sequence.events.drain();
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
      this.#finish(sequence, { reason: undefined });
    }
  }

  snapshot(): ConductorSnapshot {
    return {
      running: this.#running.length,
      waiting: this.#waiting.length,
      freeSlots: this.#slots.all.filter((state) => state.owner === undefined).length,
      usedCells: this.#slots.usedCells,
      contextCells: this.#limits.contextCells,
      steps: this.#stepId,
      stepsInFlight: this.#stepsInFlight,
      promptTokens: this.#promptTokens,
      cachedTokens: this.#cachedTokens,
      generatedTokens: this.#generatedTokens,
      preemptions: this.#preemptions,
    };
  }

  async stop(): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#draining = true;
    if (this.#running.length + this.#waiting.length > 0) {
      await new Promise<void>((resolve) => {
        const cancelTimer = this.#clock.schedule(this.#settings.drainMs, resolve);
        this.#onIdle = () => {
          cancelTimer();
          resolve();
        };
      });
    }
    this.#endAll(new StoppedError('The model was taken down while it answered.'));
  }

  #check(request: GenerationRequest): void {
    if (this.#ended !== undefined) throw this.#ended;
    if (this.#draining) throw new StoppedError('The model is being taken down.');
    const { prompt } = request;
    if (prompt.length === 0) throw new InvalidInputError('The prompt is empty.', { path: 'prompt' });
    if (prompt.length >= this.contextTokens) throw new PromptTooLongError(prompt.length, this.contextTokens);
    for (const token of prompt) {
      if (token < 0 || token >= this.#vocabularySize) {
        throw new InvalidInputError(`The token ${token} is not in the model's vocabulary of ${this.#vocabularySize}.`, {
          path: 'prompt',
        });
      }
    }
    if (this.#waiting.length >= this.#settings.maxQueued) {
      const seconds = Math.ceil((this.#waiting.length * this.#averageRequestMs) / this.#limits.parallelSequences / 1000);
      throw new OverloadedError(
        `${this.#waiting.length} requests are waiting already.`,
        Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(1, seconds)),
      );
    }
  }

  /** Submits steps until every stage has one or there is nothing to do. */
  #drive(): void {
    while (this.#ended === undefined && this.#stepsInFlight < this.#chain.stages.length) {
      this.#admit();
      this.#makeRoom();
      const rows = planStep(this.#running, this.#settings, { stages: this.#chain.stages.length, maxRows: this.#limits.maxRows });
      if (rows.length === 0) return;
      this.#submit(rows);
    }
  }

  #admit(): void {
    while (this.#slots.hasFree()) {
      const sequence = this.#waiting.next(this.#clock.nowMs());
      if (sequence === undefined) return;
      // What runs keeps room for one more token each; a prompt that does not fit beside it waits.
      const reserved = this.#running.reduce((sum, running) => sum + running.tokens.length + 1, 0);
      if (this.#running.length > 0 && reserved + sequence.tokens.length + 1 > this.#limits.contextCells) return;
      const operations = this.#slots.assign(sequence, this.#stepId);
      if (operations === undefined) return;
      this.#memory.push(...operations);
      this.#waiting.remove(sequence);
      this.#running.push(sequence);
      sequence.admissions += 1;
      if (sequence.admittedMs === 0) {
        sequence.admittedMs = this.#clock.nowMs();
        sequence.cachedTokens = sequence.submitted;
        this.#promptTokens += sequence.request.prompt.length;
        this.#cachedTokens += sequence.submitted;
      }
    }
  }

  /** Sees that the next step finds cells: idle caches go first, then the youngest sequence, batch before interactive. */
  #makeRoom(): void {
    const wanted = (): number =>
      this.#slots.all.reduce(
        (sum, state) => sum + (state.owner === undefined ? state.heldLength : state.owner.tokens.length + 1),
        0,
      );
    while (wanted() > this.#limits.contextCells) {
      const dropped = this.#slots.dropOldestCache();
      if (dropped !== undefined) {
        this.#memory.push(dropped);
        continue;
      }
      const victim = this.#running.toSorted((a, b) => laneRank(b) - laneRank(a) || b.admittedMs - a.admittedMs)[0];
      if (victim === undefined || this.#running.length === 1) return;
      this.#preempt(victim);
    }
  }

  #preempt(sequence: Sequence): void {
    this.#preemptions += 1;
    this.#leaveSlot(sequence, true);
    sequence.submitted = 0;
    sequence.stepsInFlight = 0;
    sequence.admissions += 1;
    this.#waiting.addFirst(sequence);
  }

  #submit(planned: readonly PlannedRows[]): void {
    // A sequence may be preempted and admitted again before the step is back: then its result is nobody's.
    const admissions = planned.map(({ sequence }) => sequence.admissions);
    const step = this.#buildStep(planned);
    this.#stepsInFlight += 1;
    this.#chain.submit(step).then(
      (result) => {
        this.#stepsInFlight -= 1;
        this.#take(planned, admissions, result);
        this.#drive();
      },
      (error: unknown) => {
        this.#stepsInFlight -= 1;
        this.#fail(error);
      },
    );
  }

  #buildStep(planned: readonly PlannedRows[]): Step {
    const total = planned.reduce((sum, rows) => sum + rows.count, 0);
    const slots = new Int32Array(total);
    const positions = new Int32Array(total);
    const tokens = new Int32Array(total);
    const outputs: { row: number; slot: NonNullable<Sequence['slot']>['index']; logprobs: number }[] = [];
    const samplers = this.#samplers.splice(0);
    let row = 0;
    for (const { sequence, from, count, wantsToken } of planned) {
      const state = sequence.slot as NonNullable<Sequence['slot']>;
      slots.fill(state.index, row, row + count);
      for (let index = 0; index < count; index += 1) positions[row + index] = from + index;
      tokens.set(sequence.tokens.view(from, from + count), row);
      row += count;
      if (wantsToken) {
        if (!sequence.samplerOpen) samplers.push(openSampler(sequence, state.index));
        sequence.samplerOpen = true;
        outputs.push({ row: row - 1, slot: state.index, logprobs: sequence.request.logprobs });
      }
      sequence.submitted += count;
      sequence.stepsInFlight += 1;
      state.heldLength = sequence.submitted;
      state.lastUsed = this.#stepId;
    }
    this.#stepId += 1;
    return { id: this.#stepId, epoch: 0, memory: this.#memory.splice(0), samplers, slots, positions, tokens, outputs };
  }

  #take(planned: readonly PlannedRows[], admissions: readonly number[], result: StepResult): void {
    const samples = new Map(result.samples.map((sample) => [sample.slot, sample]));
    for (const [place, { sequence, wantsToken }] of planned.entries()) {
      if (sequence.admissions !== admissions[place]) continue;
      sequence.stepsInFlight -= 1;
      const index = sequence.slot?.index;
      if (!wantsToken || index === undefined) continue;
      const sample = samples.get(index);
      if (sample === undefined) {
        const failure = result.samplerFailures.find(({ slot }) => slot === index);
        this.#finish(sequence, { reason: new GrammarError(failure?.message ?? 'The sampler gave no token.') });
        continue;
      }
      if (sequence.firstTokenMs === 0) sequence.firstTokenMs = this.#clock.nowMs();
      if (sample.endOfGeneration) {
        this.#complete(sequence, 'end');
        continue;
      }
      const position = sequence.tokens.length;
      sequence.tokens.push(sample.token);
      sequence.generated += 1;
      this.#generatedTokens += 1;
      const event = { kind: 'token', token: sample.token, position } as const;
      sequence.events.push(sample.logprob === undefined ? event : { ...event, logprob: sample.logprob });
      if (sequence.generated >= sequence.request.maxTokens) this.#complete(sequence, 'length');
      else if (sequence.tokens.length >= this.contextTokens) this.#complete(sequence, 'context');
    }
  }

  #complete(sequence: Sequence, reason: EndReason): void {
    const now = this.#clock.nowMs();
    sequence.events.push({
      kind: 'end',
      reason,
      usage: {
        promptTokens: sequence.request.prompt.length,
        cachedTokens: sequence.cachedTokens,
        generatedTokens: sequence.generated,
        queueMs: sequence.admittedMs - sequence.arrivedMs,
        prefillMs: sequence.firstTokenMs - sequence.admittedMs,
        decodeMs: now - sequence.firstTokenMs,
      },
    });
    this.#averageRequestMs += AVERAGE_WEIGHT * (now - sequence.admittedMs - this.#averageRequestMs);
    this.#finish(sequence, undefined);
  }

  /** Ends a sequence wherever it is; its slot is free from the next step on. `error.reason` goes to the consumer. */
  #finish(sequence: Sequence, error: { readonly reason: unknown } | undefined): void {
    if (sequence.ended) return;
    sequence.ended = true;
    if (error === undefined) sequence.events.end();
    else sequence.events.fail(error.reason);
    this.#waiting.remove(sequence);
    this.#leaveSlot(sequence, false);
    if (this.#running.length + this.#waiting.length === 0) this.#onIdle?.();
    else this.#drive();
  }

  #leaveSlot(sequence: Sequence, forget: boolean): void {
    const index = this.#running.indexOf(sequence);
    if (index >= 0) this.#running.splice(index, 1);
    const { slot } = sequence;
    if (slot === undefined) return;
    sequence.slot = undefined;
    this.#slots.release(slot);
    if (forget) this.#memory.push(this.#slots.clear(slot));
    if (sequence.samplerOpen) this.#samplers.push({ kind: 'close', slot: slot.index });
    sequence.samplerOpen = false;
  }

  #fail(cause: unknown): void {
    if (this.#ended !== undefined) return;
    const error = cause instanceof StageError ? cause : new StageError('A stage of the ring failed.', { cause });
    this.#logger.error({ err: error, steps: this.#stepId }, 'ring failed');
    this.#endAll(error);
  }

  #endAll(error: Error): void {
    this.#ended ??= error;
    for (const sequence of [...this.#running, ...this.#waiting.drain()]) this.#finish(sequence, { reason: error });
  }
}

function openSampler(sequence: Sequence, slot: NonNullable<Sequence['slot']>['index']): SamplerOperation {
  const { request, tokens, generated } = sequence;
  const from = Math.max(0, tokens.length - Math.max(request.sampler.penaltyLastTokens, generated));
  return {
    kind: 'open',
    slot,
    settings: request.sampler,
    history: tokens.view(from, tokens.length).slice(),
    generatedTokens: generated,
  };
}

function laneRank(sequence: Sequence): number {
  return sequence.request.lane === 'interactive' ? 0 : 1;
}
