import {
  chainLimits,
  GrammarError,
  sequenceId,
  StageError,
  StoppedError,
  type Clock,
  type EndReason,
  type GenerationEvent,
  type GenerationRequest,
  type Logger,
  type Sample,
  type StageChain,
  type Startable,
  type StepResult,
  type TokenGenerator,
} from '@pippa/core';
import { moveSequences, planCarryOver, type CarriedOver } from './carry-over.ts';
import { checkLine } from './check-line.ts';
import { checkRequest } from './check-request.ts';
import { EventStream } from './event-stream.ts';
import { decideAdmission } from './plan-admission.ts';
import { decideRoom } from './plan-room.ts';
import { planStep, type PlannedRows } from './plan-step.ts';
import { Sequence } from './sequence.ts';
import { endEvent, tokenEvent } from './sequence-events.ts';
import { checkSettings, stepsInFlight, type ConductorSettings } from './settings.ts';
import { SlotTable, type SlotMark } from './slot-table.ts';
import type { ConductorSnapshot, ConductorState } from './snapshot.ts';
import { StepBuilder, type StepEntry } from './step-builder.ts';
import { StepFlight } from './step-flight.ts';
import { StepStatistics } from './step-statistics.ts';
import { WaitingLine } from './waiting-line.ts';

export interface Conductor extends TokenGenerator, Startable {
  snapshot(): ConductorSnapshot;
  /** Where in its lifetime the oldest step under way began, monotonic milliseconds; undefined: none is under way. */
  oldestStepSinceMs(): number | undefined;
  /** What is certain about the caches of the chain there was, since `pause`. */
  carryOver(): CarriedOver;
  /**
   * Goes on over other stages. Those of `carried.kept` hold so much of the sequences in these slots; the others are computed again from
   * their token ids, and left out, all of them are: the caches are empty. Consumers see a pause. Steps of the old chain are nobody's
   * from here on. Throws the error that ended the conductor if one did.
   */
  resume(chain: StageChain, carried?: CarriedOver): void;
  /** Stops computing until `resume`; requests queue up meanwhile. */
  pause(): void;
  /** Ends every sequence with this error, and later callers get it too. */
  fail(error: Error): void;
}

/**
 * Holds a ring's sequences, batches them into steps and drives the steps through the stages. What to do next is decided by the pure
 * functions of `plan-*.ts`; here it is done. Throws `InvalidInputError` for settings out of range.
 */
export function createConductor(parts: {
  readonly chain: StageChain;
  readonly settings: ConductorSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Somebody mends the chain when it breaks: the conductor then waits for `resume` or `fail`. Left out: it fails. */
  readonly onChainLost?: (error: Error) => void;
}): Conductor {
  checkSettings(parts.settings);
  return new RingConductor(parts);
}

type Outcome =
  | { readonly kind: 'completed' }
  | { readonly kind: 'cancelled'; readonly reason: unknown }
  | { readonly kind: 'failed'; readonly reason: Error };

class RingConductor implements Conductor {
  readonly contextTokens: number;
  readonly #settings: ConductorSettings;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onChainLost: ((error: Error) => void) | undefined;
  #limits: ReturnType<typeof chainLimits>;
  readonly #vocabularySize: number;
  /** Steps that may be under way, and groups that decoding sequences are dealt over. */
  #groups: number;
  #slots: SlotTable;
  #steps: StepBuilder;
  readonly #flight: StepFlight;
  readonly #statistics = new StepStatistics();
  readonly #waiting: WaitingLine;
  /** In the order of admission. */
  readonly #running: Sequence[] = [];
  readonly #counts = {
    steps: 0,
    promptTokens: 0,
    cachedTokens: 0,
    generatedTokens: 0,
    completed: 0,
    cancelled: 0,
    failed: 0,
    rejected: 0,
    preemptions: 0,
  };
  #state: ConductorState = 'created';
  /** What later callers are told once the ring has failed or stopped. */
  #ended: Error | undefined;
  #paused = false;
  #turnScheduled = false;
  #sequences = 0;
  /** How many sequences left their slots so far. */
  #departures = 0;
  #onIdle: (() => void) | undefined;
  #stopping: Promise<void> | undefined;

  constructor({ chain, settings, clock, logger, onChainLost }: Parameters<typeof createConductor>[0]) {
    this.#flight = new StepFlight(chain, clock);
    this.#settings = settings;
    this.#clock = clock;
    this.#logger = logger;
    this.#onChainLost = onChainLost;
    this.#limits = chainLimits(chain.stages);
    this.#vocabularySize = chain.stages[0]?.vocabularySize ?? 0;
    this.#groups = stepsInFlight(settings, chain.stages.length);
    this.contextTokens = Math.min(settings.contextTokens, this.#limits.contextCells);
    // Caches that are taken to be empty are made so: stages may have served others before.
    this.#slots = new SlotTable(0).carryOver(this.#limits.parallelSequences, new Map());
    this.#steps = new StepBuilder(this.#slots, { epoch: chain.epoch ?? 0, stepId: 0 });
    this.#waiting = new WaitingLine(settings.batchAgeingMs);
  }

  async start(): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    if (this.#state === 'created') this.#state = 'ready';
  }

  generate(
    request: GenerationRequest,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): AsyncIterableIterator<GenerationEvent, undefined> {
    let leave: (() => void) | undefined;
    return new EventStream<GenerationEvent>(
      (events) => {
        leave = this.#enter(request, events, signal);
      },
      () => leave?.(),
    );
  }

  snapshot(): ConductorSnapshot {
    return {
      state: this.#paused && this.#ended === undefined ? 'recovering' : this.#state,
      running: this.#running.length,
      waiting: this.#waiting.length,
      slots: this.#slots.all.length,
      freeSlots: this.#slots.all.filter((slot) => slot.owner === undefined).length,
      usedCells: this.#slots.ledger.used,
      contextCells: this.#limits.contextCells,
      stepsInFlight: this.#flight.count,
      ...this.#counts,
      speed: this.#statistics.snapshot(this.#clock.nowMs()),
    };
  }

  oldestStepSinceMs(): number | undefined {
    return this.#flight.oldestSinceMs;
  }

  pause(): void {
    if (this.#state !== 'ready' && this.#state !== 'draining') return;
    this.#paused = true;
    this.#flight.forget();
  }

  carryOver(): CarriedOver {
    const { contextCells, canTruncate } = this.#limits;
    const fixedShapes = this.#settings.fixedShapes !== undefined;
    const kept = planCarryOver({ running: this.#running, contextCells, canTruncate, fixedShapes });
    const versions = new Map([...kept.keys()].map((slot) => [slot, this.#slots.all[slot]?.version ?? 0]));
    return { kept, versions, lastStep: this.#steps.stepId, journals: canTruncate && !fixedShapes };
  }

  resume(chain: StageChain, carried?: CarriedOver): void {
    if (this.#ended !== undefined) throw this.#ended;
    this.pause();
    this.#flight.change(chain);
    this.#statistics.forgetStages();
    this.#limits = chainLimits(chain.stages);
    this.#groups = stepsInFlight(this.#settings, chain.stages.length);
    const slots = this.#limits.parallelSequences;
    this.#slots = carried === undefined ? new SlotTable(slots) : this.#slots.carryOver(slots, carried.kept);
    this.#steps = new StepBuilder(this.#slots, { epoch: chain.epoch ?? 0, stepId: carried?.lastStep ?? this.#steps.stepId });
    // A step that nobody waited for may have moved the samplers on; what is needed of them is opened anew.
    if (carried !== undefined) for (const slot of this.#slots.all) this.#steps.closeSampler(slot.index);
    const nowMs = this.#clock.nowMs();
    for (const sequence of moveSequences(this.#running, this.#slots.all, nowMs)) this.#waiting.add(sequence);
    for (const sequence of this.#waiting.all()) sequence.waitsFor = undefined;
    this.#paused = false;
    this.#turn(() => {});
  }

  fail(error: Error): void {
    this.#endAll('failed', error);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#state = 'draining';
    if (this.#running.length + this.#waiting.length > 0) {
      await new Promise<void>((resolve) => {
        const cancelTimer = this.#clock.schedule(this.#settings.drainMs, resolve);
        this.#onIdle = () => {
          cancelTimer();
          resolve();
        };
      });
    }
    this.#endAll('stopped', new StoppedError('The model was taken down.'));
  }

  /** Queues a request; returns what to call when its consumer leaves. */
  #enter(request: GenerationRequest, events: EventStream<GenerationEvent>, signal: AbortSignal | undefined): () => void {
    signal?.throwIfAborted();
    if (this.#ended !== undefined) throw this.#ended;
    if (this.#state === 'created') throw new StoppedError('The model is not started yet.');
    if (this.#state === 'draining') throw new StoppedError('The model is being taken down.');
    checkRequest(request, { contextTokens: this.contextTokens, vocabularySize: this.#vocabularySize });
    this.#sequences += 1;
    const sequence = new Sequence(sequenceId(this.#sequences), request, events, this.#clock.nowMs());
    if (sequence.generated >= request.maxTokens) {
      this.#complete(sequence, 'length');
      return () => {};
    }
    this.#requireRoomInLine(request);
    const cancel = (reason: unknown): void => this.#turn(() => this.#finish(sequence, { kind: 'cancelled', reason }));
    if (signal !== undefined) {
      const onAbort = (): void => cancel(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      sequence.onEnded = () => signal.removeEventListener('abort', onAbort);
    }
    this.#waiting.add(sequence);
    this.#admit();
    // The step is left to the end of this turn: requests that come together start together.
    this.#scheduleTurn();
    return () => cancel(undefined);
  }

  #requireRoomInLine({ lane }: GenerationRequest): void {
    try {
      checkLine({
        waiting: this.#waiting.lengthOf(lane),
        maxQueued: this.#settings.maxQueued,
        slots: this.#slots.all.length,
        hasFreeSlot: this.#slots.all.some((slot) => slot.owner === undefined),
        requestMs: this.#statistics.requestMs,
      });
    } catch (error) {
      this.#counts.rejected += 1;
      throw error;
    }
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    queueMicrotask(() => {
      this.#turnScheduled = false;
      this.#turn(() => {});
    });
  }

  /** Something happened; then the ring goes on. A mistake in here must not leave callers waiting forever. */
  #turn(event: () => void): void {
    try {
      event();
      this.#drive();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Submits steps until as many are under way as may be, or there is nothing to do. */
  #drive(): void {
    if (this.#running.length + this.#waiting.length === 0) this.#onIdle?.();
    while (this.#ended === undefined && !this.#paused) {
      this.#admit();
      if (this.#flight.count >= this.#groups) return;
      this.#makeRoom();
      const rows = planStep(this.#running, {
        settings: this.#settings,
        stages: this.#flight.stages,
        groups: this.#groups,
        maxRows: this.#limits.maxRows,
        nowMs: this.#clock.nowMs(),
        prefillMsPerRow: this.#statistics.prefillMsPerRow,
      });
      if (rows.length === 0) return;
      this.#submit(rows);
    }
  }

  #admit(): void {
    while (!this.#paused) {
      const sequence = this.#waiting.next(this.#clock.nowMs(), (candidate) => !candidate.waitsForPrefix);
      if (sequence === undefined) return;
      if (sequence.waitsFor?.kind === 'departure' && sequence.waitsFor.departures === this.#departures) return;
      const decision = decideAdmission(sequence, {
        running: this.#running,
        slots: this.#slots.all,
        ledger: this.#slots.ledger,
        contextCells: this.#limits.contextCells,
        contextTokens: this.contextTokens,
        marginTokens: this.#settings.marginTokens,
        rules: { canTruncate: this.#limits.canTruncate, reuse: this.#settings.fixedShapes === undefined },
      });
      switch (decision.kind) {
        case 'wait':
          sequence.waitsFor = { kind: 'departure', departures: this.#departures };
          return;
        case 'follow':
          sequence.waitsFor = { kind: 'prefix', leader: decision.leader, stay: decision.leader.stay, until: decision.until };
          break;
        case 'preempt':
          this.#preempt(decision.victim);
          break;
        case 'admit': {
          const { placement } = decision;
          this.#waiting.remove(sequence);
          this.#slots.occupy(placement, sequence);
          if (sequence.admittedMs === undefined) {
            this.#counts.promptTokens += sequence.promptLength;
            this.#counts.cachedTokens += placement.cached;
          }
          sequence.enter(placement.target, placement.cached, this.#clock.nowMs());
          this.#running.push(sequence);
          break;
        }
      }
    }
  }

  #makeRoom(): void {
    for (;;) {
      const decision = decideRoom({
        running: this.#running,
        slots: this.#slots.all,
        usedCells: this.#slots.ledger.used,
        contextCells: this.#limits.contextCells,
        canTruncate: this.#limits.canTruncate,
      });
      if (decision === undefined) return;
      if (decision.kind === 'trim') this.#slots.trim(decision.slot, decision.length);
      else this.#preempt(decision.victim);
    }
  }

  /** The sequence gives up its place and its KV and waits to be replayed; its consumer sees only a pause. */
  #preempt(sequence: Sequence): void {
    const { slot } = sequence;
    this.#leaveSlot(sequence);
    if (slot !== undefined) this.#slots.trim(slot, 0);
    sequence.pushedOut(this.#clock.nowMs());
    this.#waiting.add(sequence);
    this.#counts.preemptions += 1;
    this.#logger.debug({ sequence: sequence.id, tokens: sequence.tokens.length }, 'preempted');
  }

  #submit(planned: readonly PlannedRows<Sequence>[]): void {
    const { step, entries, marks } = this.#steps.build(planned);
    this.#counts.steps += 1;
    this.#flight.submit(step, {
      onResult: (result, elapsedMs) =>
        this.#turn(() => {
          this.#statistics.addStep(entries, result.timings, elapsedMs);
          this.#take(entries, marks, result, elapsedMs);
        }),
      onError: (error) => this.#loseChain(error),
    });
  }

  #take(
    entries: readonly StepEntry[],
    marks: readonly SlotMark[],
    { samples, samplerFailures, timings }: StepResult,
    elapsedMs: number,
  ): void {
    this.#slots.commit(marks);
    let sampled = 0;
    for (const { sequence, slot, stay, wantsToken } of entries) {
      const sample = wantsToken && samples[sampled]?.slot === slot ? samples[sampled] : undefined;
      if (sample !== undefined) sampled += 1;
      // It ended or lost its place while the step was under way: the result is nobody's.
      if (sequence.stay !== stay) continue;
      sequence.stepsInFlight -= 1;
      sequence.timing.add(timings, elapsedMs);
      const failure = samplerFailures.find((each) => each.slot === slot);
      if (failure !== undefined) this.#finish(sequence, { kind: 'failed', reason: new GrammarError(failure.message) });
      else if (sample !== undefined) this.#accept(sequence, sample);
      else if (wantsToken) throw new StageError(`The last stage gave no token for slot ${slot}.`);
    }
  }

  #accept(sequence: Sequence, sample: Sample): void {
    const { request, tokens } = sequence;
    const nowMs = this.#clock.nowMs();
    sequence.firstTokenMs ??= nowMs;
    // A grammar decides itself where a text ends.
    const ignoresEnd = request.sampler.ignoreEndOfGeneration === true && request.sampler.grammar === undefined;
    if (sample.endOfGeneration && !ignoresEnd) {
      this.#complete(sequence, 'end');
      return;
    }
    const event = tokenEvent(sequence, sample);
    tokens.push(sample.token);
    sequence.generated += 1;
    this.#counts.generatedTokens += 1;
    this.#statistics.addTokens(1, nowMs);
    sequence.events.push(event);
    if (sequence.generated >= request.maxTokens) this.#complete(sequence, 'length');
    else if (tokens.length >= this.contextTokens) this.#complete(sequence, 'context');
  }

  #complete(sequence: Sequence, reason: EndReason): void {
    const nowMs = this.#clock.nowMs();
    sequence.events.push(endEvent(sequence, reason, nowMs));
    this.#statistics.addRequest(nowMs - (sequence.admittedMs ?? nowMs));
    this.#finish(sequence, { kind: 'completed' });
  }

  /** Ends a sequence wherever it is; its slot is free from the next step on and keeps its tokens for whoever begins alike. */
  #finish(sequence: Sequence, outcome: Outcome): void {
    if (sequence.ended) return;
    sequence.ended = true;
    this.#counts[outcome.kind] += 1;
    if (outcome.kind === 'completed') sequence.events.end();
    else sequence.events.fail(outcome.reason);
    this.#waiting.remove(sequence);
    this.#leaveSlot(sequence);
    sequence.onEnded?.();
  }

  #leaveSlot(sequence: Sequence): void {
    const { slot, samplerOpen } = sequence;
    if (slot === undefined) return;
    this.#departures += 1;
    this.#running.splice(this.#running.indexOf(sequence), 1);
    sequence.leave();
    this.#slots.release(slot);
    if (samplerOpen) this.#steps.closeSampler(slot.index);
  }

  #loseChain(cause: unknown): void {
    if (this.#ended !== undefined) return;
    if (this.#onChainLost === undefined) {
      this.#fail(cause);
      return;
    }
    const error = cause instanceof Error ? cause : new StageError('A stage of the ring failed.', { cause });
    this.#logger.warn({ err: error, step: this.#steps.stepId, running: this.#running.length }, 'ring broken');
    this.pause();
    this.#onChainLost(error);
  }

  #fail(cause: unknown): void {
    if (this.#ended !== undefined) return;
    const error = cause instanceof StageError ? cause : new StageError('A stage of the ring failed.', { cause });
    this.#logger.error({ err: error, step: this.#steps.stepId, running: this.#running.length }, 'ring failed');
    this.#endAll('failed', error);
  }

  #endAll(state: 'failed' | 'stopped', error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#state = state;
    for (const sequence of [...this.#running, ...this.#waiting.all()]) this.#finish(sequence, { kind: 'failed', reason: error });
    this.#onIdle?.();
  }
}
