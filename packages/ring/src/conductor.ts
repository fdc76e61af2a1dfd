import {
  sequenceId,
  StageError,
  StoppedError,
  type Clock,
  type GenerationEvent,
  type GenerationRequest,
  type Logger,
  type StageChain,
  type Startable,
  type TokenGenerator,
} from '@pippa/core';
import { Answers } from './answers.ts';
import type { CarriedOver } from './carry-over.ts';
import { checkLine } from './check-line.ts';
import { checkRequest } from './check-request.ts';
import { EventStream } from './event-stream.ts';
import { planStep, type PlannedRows } from './plan-step.ts';
import { Roster } from './roster.ts';
import { Sequence } from './sequence.ts';
import { checkSettings, stepsInFlight, type ConductorSettings } from './settings.ts';
import type { ConductorSnapshot, ConductorState } from './snapshot.ts';
import { SentOnError } from './sent-on-error.ts';
import { StepFlight } from './step-flight.ts';
import { StepStatistics } from './step-statistics.ts';
import { emptyTally } from './tally.ts';

export interface Conductor extends TokenGenerator, Startable {
  snapshot(): ConductorSnapshot;
  /** When it gave its last token, monotonic milliseconds; undefined: it gave none yet. */
  readonly lastTokenMs: number | undefined;
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
  /** Has so many of those that wait ask somebody else, those who came last first: of such as have not had a token from here. */
  sendOn(count: number): void;
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

class RingConductor implements Conductor {
  readonly contextTokens: number;
  readonly #settings: ConductorSettings;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onChainLost: ((error: Error) => void) | undefined;
  readonly #vocabularySize: number;
  /** Steps that may be under way, and groups that decoding sequences are dealt over. */
  #groups: number;
  readonly #flight: StepFlight;
  readonly #statistics = new StepStatistics();
  readonly #tally = emptyTally();
  readonly #roster: Roster;
  readonly #answers: Answers;
  #state: ConductorState = 'created';
  /** What later callers are told once the ring has failed or stopped. */
  #ended: Error | undefined;
  #paused = false;
  #turnScheduled = false;
  #sequences = 0;
  #onIdle: (() => void) | undefined;
  #stopping: Promise<void> | undefined;

  constructor({ chain, settings, clock, logger, onChainLost }: Parameters<typeof createConductor>[0]) {
    this.#flight = new StepFlight(chain, clock);
    this.#settings = settings;
    this.#clock = clock;
    this.#logger = logger;
    this.#onChainLost = onChainLost;
    this.#vocabularySize = chain.stages[0]?.vocabularySize ?? 0;
    this.#groups = stepsInFlight(settings, chain.stages.length);
    this.#roster = new Roster({ chain, settings, tally: this.#tally, logger });
    this.contextTokens = this.#roster.contextTokens;
    this.#answers = new Answers({ roster: this.#roster, statistics: this.#statistics, tally: this.#tally, clock });
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

  get lastTokenMs(): number | undefined {
    return this.#statistics.lastTokenMs;
  }

  snapshot(): ConductorSnapshot {
    return {
      state: this.#paused && this.#ended === undefined ? 'recovering' : this.#state,
      running: this.#roster.running.length,
      waiting: this.#roster.waiting.length,
      slots: this.#roster.slotCount,
      freeSlots: this.#roster.freeSlots,
      usedCells: this.#roster.usedCells,
      contextCells: this.#roster.limits.contextCells,
      stepsInFlight: this.#flight.count,
      ...this.#tally,
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
    return this.#roster.carryOver();
  }

  resume(chain: StageChain, carried?: CarriedOver): void {
    if (this.#ended !== undefined) throw this.#ended;
    this.pause();
    this.#flight.change(chain);
    this.#statistics.forgetStages();
    this.#groups = stepsInFlight(this.#settings, chain.stages.length);
    this.#roster.moveTo(chain, carried, this.#clock.nowMs());
    this.#paused = false;
    this.#turn(() => {});
  }

  sendOn(count: number): void {
    const last = this.#roster.waiting.all().toSorted((a, b) => b.id - a.id);
    const movable = last.filter(({ generated, request }) => generated === (request.alreadyGenerated ?? 0)).slice(0, count);
    this.#turn(() => {
      for (const sequence of movable) this.#answers.finish(sequence, { kind: 'rejected', reason: new SentOnError() });
    });
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
    if (!this.#roster.isEmpty) {
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
      this.#answers.complete(sequence, 'length');
      return () => {};
    }
    this.#requireRoomInLine(request);
    const cancel = (reason: unknown): void => this.#turn(() => this.#answers.finish(sequence, { kind: 'cancelled', reason }));
    if (signal !== undefined) {
      const onAbort = (): void => cancel(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      sequence.onEnded = () => signal.removeEventListener('abort', onAbort);
    }
    this.#roster.waiting.add(sequence);
    if (!this.#paused) this.#roster.admit(this.#clock.nowMs());
    // The step is left to the end of this turn: requests that come together start together.
    this.#scheduleTurn();
    return () => cancel(undefined);
  }

  #requireRoomInLine({ lane }: GenerationRequest): void {
    try {
      checkLine({
        waiting: this.#roster.waiting.lengthOf(lane),
        maxQueued: this.#settings.maxQueued,
        slots: this.#roster.slotCount,
        hasFreeSlot: this.#roster.freeSlots > 0,
        requestMs: this.#statistics.requestMs,
      });
    } catch (error) {
      this.#tally.rejected += 1;
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
    if (this.#roster.isEmpty) this.#onIdle?.();
    while (this.#ended === undefined && !this.#paused) {
      const nowMs = this.#clock.nowMs();
      this.#roster.admit(nowMs);
      if (this.#flight.count >= this.#groups) return;
      this.#roster.makeRoom(nowMs);
      const rows = planStep(this.#roster.running, {
        settings: this.#settings,
        stages: this.#flight.stages,
        groups: this.#groups,
        maxRows: this.#roster.limits.maxRows,
        nowMs,
        prefillMsPerRow: this.#statistics.prefillMsPerRow,
      });
      if (rows.length === 0) return;
      this.#submit(rows);
    }
  }

  #submit(planned: readonly PlannedRows<Sequence>[]): void {
    const built = this.#roster.build(planned);
    this.#tally.steps += 1;
    this.#flight.submit(built.step, {
      onResult: (result, elapsedMs, isAlone) =>
        this.#turn(() => {
          this.#statistics.addStep(built.entries, result.timings, { elapsedMs, isAlone });
          this.#answers.take(built, result, elapsedMs);
        }),
      onError: (error) => this.#loseChain(error),
    });
  }

  #loseChain(cause: unknown): void {
    if (this.#ended !== undefined) return;
    if (this.#onChainLost === undefined) {
      this.#fail(cause);
      return;
    }
    const error = cause instanceof Error ? cause : new StageError('A stage of the ring failed.', { cause });
    this.#logger.info({ err: error, step: this.#roster.stepId, running: this.#roster.running.length }, 'chain lost');
    this.pause();
    this.#onChainLost(error);
  }

  #fail(cause: unknown): void {
    if (this.#ended !== undefined) return;
    const error = cause instanceof StageError ? cause : new StageError('A stage of the ring failed.', { cause });
    this.#logger.error({ err: error, step: this.#roster.stepId, running: this.#roster.running.length }, 'ring failed');
    this.#endAll('failed', error);
  }

  #endAll(state: 'failed' | 'stopped', error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#state = state;
    for (const sequence of [...this.#roster.running, ...this.#roster.waiting.all()]) {
      this.#answers.finish(sequence, { kind: 'failed', reason: error });
    }
    this.#onIdle?.();
  }
}
