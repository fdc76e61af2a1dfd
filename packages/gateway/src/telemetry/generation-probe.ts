import type { Clock, TextEvent } from '@pippa/core';
import type { GatewayParts } from '../gateway-parts.ts';
import type { Exchange } from '../http/exchange.ts';
import type { GenerationOutcome, Metrics } from './metrics.ts';
import { noteUsage, type GenerationTrace } from './trace.ts';

/** Watches one generation's events: for the metrics, and for the trace of its request. */
export class GenerationProbe {
  readonly #exchange: Exchange;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #stageNames: GatewayParts['stageNames'];
  readonly #model: string;
  readonly #trace: GenerationTrace;
  readonly #tokens: ReturnType<Metrics['tokens']>;
  readonly #startedMs: number;
  #lastMs: number | undefined;

  constructor(exchange: Exchange, { metrics, clock, stageNames }: Pick<GatewayParts, 'metrics' | 'clock' | 'stageNames'>) {
    this.#exchange = exchange;
    this.#clock = clock;
    this.#metrics = metrics;
    this.#stageNames = stageNames;
    this.#model = String(exchange.logFields['model'] ?? 'unknown');
    this.#startedMs = clock.nowMs();
    this.#trace = exchange.trace.generation(this.#model, this.#startedMs - exchange.startedMs);
    this.#tokens = metrics.tokens(this.#model);
  }

  event(event: TextEvent): void {
    if (event.kind === 'finish') {
      const { usage, reason, prepareMs } = event;
      noteUsage(this.#trace, usage, this.#stageNames(this.#model));
      if (prepareMs !== undefined) this.#trace.tokenizeMs = prepareMs;
      this.#end(reason, usage);
      return;
    }
    const nowMs = this.#clock.nowMs();
    if (this.#lastMs === undefined) {
      this.#trace.firstTokenMs = nowMs - this.#exchange.startedMs;
      this.#tokens.first(this.#trace.firstTokenMs);
    } else {
      this.#tokens.next(nowMs - this.#lastMs);
    }
    this.#lastMs = nowMs;
  }

  /** The generation ended without its result. */
  failed(): void {
    this.#end(this.#exchange.signal.aborted ? 'cancelled' : 'failed', undefined);
  }

  #end(outcome: GenerationOutcome, usage: Parameters<Metrics['observeGeneration']>[2]): void {
    this.#trace.outcome = outcome;
    this.#trace.durationMs = this.#clock.nowMs() - this.#startedMs;
    this.#metrics.observeGeneration(this.#model, outcome, usage);
  }
}
