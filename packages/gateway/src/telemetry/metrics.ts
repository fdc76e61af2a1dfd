import { Counter, Histogram, Registry } from 'prom-client';
import type { GenerationUsage } from '@pippa/core';
import type { GatewayCounters } from '../counters.ts';
import { DECODE_RATES, PREFILL_RATES, REQUEST_SECONDS, TOKEN_SECONDS, WAIT_SECONDS } from './buckets.ts';
import { LabelGuard } from './label-guard.ts';
import type { MetricsSource, StepObservation } from './metrics-source.ts';
import { addProcessMetrics, type ReadProcess } from './process-metrics.ts';
import { pulledGauge } from './pulled.ts';
import { RingMetrics } from './ring-metrics.ts';

/** How a generation ended: as the model or a limit ended it, because its client left, or by a failure. */
export type GenerationOutcome = 'stop' | 'length' | 'tool_calls' | 'cancelled' | 'failed';

export interface RequestObservation {
  readonly method: string;
  /** The path as documented, `/v1/models/{model}`; `unknown` for one that is not. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
}

/** The figures of one agent, in a registry of their own. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #models = new LabelGuard();
  readonly #rings: RingMetrics;
  readonly #sources = new Set<MetricsSource>();
  readonly #requests;
  readonly #requestSeconds;
  readonly #firstToken;
  readonly #interToken;
  readonly #queue;
  readonly #prefillRate;
  readonly #decodeRate;
  readonly #promptTokens;
  readonly #cachedTokens;
  readonly #generatedTokens;
  readonly #generations;
  readonly #embeddedTexts;
  readonly #embeddedTokens;
  readonly #embeddingSeconds;

  constructor(readProcess: ReadProcess) {
    const registers = [this.#registry];
    const histogram = <Label extends string>(name: string, help: string, labelNames: Label[], buckets: number[]) =>
      new Histogram({ name, help, labelNames, buckets, registers });
    const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
      new Counter({ name, help, labelNames, registers });
    this.#requests = counter('pippa_http_requests_total', 'HTTP requests that ended.', ['method', 'route', 'status']);
    this.#requestSeconds = histogram(
      'pippa_http_request_seconds',
      'From the end of the headers to the last byte of the answer.',
      ['route'],
      REQUEST_SECONDS,
    );
    this.#firstToken = histogram(
      'pippa_first_token_seconds',
      'From the arrival of the request to its first token.',
      ['model'],
      WAIT_SECONDS,
    );
    this.#interToken = histogram('pippa_inter_token_seconds', 'Between two tokens of an answer.', ['model'], TOKEN_SECONDS);
    this.#queue = histogram('pippa_queue_seconds', 'Waiting for a place in the ring.', ['model'], WAIT_SECONDS);
    this.#prefillRate = histogram(
      'pippa_prefill_tokens_per_second',
      'Prompt tokens a second that were computed, by request.',
      ['model'],
      PREFILL_RATES,
    );
    this.#decodeRate = histogram(
      'pippa_decode_tokens_per_second',
      'Generated tokens a second after the first, by request.',
      ['model'],
      DECODE_RATES,
    );
    this.#promptTokens = counter('pippa_prompt_tokens_total', 'Prompt tokens, cached ones included.', ['model']);
    this.#cachedTokens = counter('pippa_cached_prompt_tokens_total', 'Prompt tokens whose KV was there already.', ['model']);
    this.#generatedTokens = counter('pippa_generated_tokens_total', 'Generated tokens.', ['model']);
    this.#generations = counter('pippa_generations_total', 'Generations that ended, by how.', ['model', 'outcome']);
    this.#embeddedTexts = counter('pippa_embedded_texts_total', 'Texts that were made vectors or scores of.', ['model']);
    this.#embeddedTokens = counter('pippa_embedded_tokens_total', 'Their tokens.', ['model']);
    this.#embeddingSeconds = histogram('pippa_embedding_seconds', 'One request for vectors or scores.', ['model'], WAIT_SECONDS);
    this.#rings = new RingMetrics(this.#registry, () => [...this.#sources].map((source) => source()));
    addProcessMetrics(this.#registry, readProcess);
  }

  observeRequest({ method, route, status, durationMs }: RequestObservation): void {
    this.#requests.inc({ method, route, status: String(status) });
    this.#requestSeconds.observe({ route }, durationMs / 1000);
  }

  /** One answer's way to its tokens. Bound once a generation, so that a token costs one observation without labels to look up. */
  tokens(model: string): { first(durationMs: number): void; next(durationMs: number): void } {
    const label = this.#models.value(model);
    const first = this.#firstToken.labels(label);
    const next = this.#interToken.labels(label);
    return { first: (durationMs) => first.observe(durationMs / 1000), next: (durationMs) => next.observe(durationMs / 1000) };
  }

  /** `usage` is left out of generations that ended without theirs. */
  observeGeneration(model: string, outcome: GenerationOutcome, usage: GenerationUsage | undefined): void {
    const label = { model: this.#models.value(model) };
    this.#generations.inc({ ...label, outcome });
    if (usage === undefined) return;
    this.#promptTokens.inc(label, usage.promptTokens);
    this.#cachedTokens.inc(label, usage.cachedTokens);
    this.#generatedTokens.inc(label, usage.generatedTokens);
    this.#queue.observe(label, usage.queueMs / 1000);
    const computed = usage.promptTokens - usage.cachedTokens;
    if (usage.prefillMs > 0 && computed > 0) this.#prefillRate.observe(label, (computed * 1000) / usage.prefillMs);
    if (usage.decodeMs > 0 && usage.generatedTokens > 1) {
      this.#decodeRate.observe(label, ((usage.generatedTokens - 1) * 1000) / usage.decodeMs);
    }
  }

  observeEmbedding(model: string, work: { readonly texts: number; readonly tokens: number; readonly durationMs: number }): void {
    const label = { model: this.#models.value(model) };
    this.#embeddedTexts.inc(label, work.texts);
    this.#embeddedTokens.inc(label, work.tokens);
    this.#embeddingSeconds.observe(label, work.durationMs / 1000);
  }

  observeStep(step: StepObservation): void {
    this.#rings.observeStep({ ...step, model: this.#models.value(step.model) });
  }

  /** Shows what another part of the agent knows, from now on. Returns how to stop that. */
  addSource(source: MetricsSource): () => void {
    this.#sources.add(source);
    return () => void this.#sources.delete(source);
  }

  /** Shows the gateway's own counters. */
  watchGateway(counters: Readonly<GatewayCounters>): void {
    const gauge = (name: string, help: string, read: () => number): void =>
      pulledGauge({ registry: this.#registry, name, help }, () => [[{}, read()]]);
    gauge('pippa_http_active_requests', 'Requests under way.', () => counters.activeRequests);
    gauge('pippa_http_open_connections', 'Open connections.', () => counters.openConnections);
    gauge('pippa_active_generations', 'Generations under way.', () => counters.activeGenerations);
    gauge(
      'pippa_http_disconnects',
      'Clients that left before their answer was complete, since the start.',
      () => counters.disconnects,
    );
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything, in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
