import { randomBytes } from 'node:crypto';
import { errorMessage, type Clock, type Logger, type Startable } from '@pippa/core';
import { requestSpans, type OtlpSpan, type TraceParent } from './otlp-spans.ts';
import type { RequestTrace } from './trace.ts';

/** Spans that wait to be sent; what is over it is dropped: telemetry must not cost memory when nobody takes it. */
const MAX_WAITING_SPANS = 4096;
const FLUSH_MS = 5000;
const SEND_TIMEOUT_MS = 5000;
/** Enough for a message, so that it need not wait for its time. */
const SPANS_A_MESSAGE = 512;

export interface TraceExporterOptions {
  /** An OpenTelemetry collector's OTLP/HTTP address, such as `http://localhost:4318`. */
  readonly endpoint: string;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fetch?: typeof fetch;
}

export interface TraceExporter extends Startable {
  add(trace: RequestTrace, parent: TraceParent | undefined): void;
}

/** Sends the traces of requests to a collector (OTLP over HTTP, JSON): times and token counts, never text. `stop` sends what waits. */
export function createTraceExporter(options: TraceExporterOptions): TraceExporter {
  return new OtlpExporter(options);
}

class OtlpExporter implements TraceExporter {
  readonly #options: TraceExporterOptions;
  readonly #url: string;
  #waiting: OtlpSpan[] = [];
  #sending: Promise<void> | undefined;
  #cancel: (() => void) | undefined;
  #hasFailed = false;
  #stopped = false;

  constructor(options: TraceExporterOptions) {
    this.#options = options;
    this.#url = `${options.endpoint.replace(/\/+$/, '')}/v1/traces`;
  }

  async start(): Promise<void> {
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#sending;
    await this.#flush();
  }

  add(trace: RequestTrace, parent: TraceParent | undefined): void {
    if (this.#stopped || this.#waiting.length >= MAX_WAITING_SPANS) return;
    this.#waiting.push(...requestSpans(trace, { parent, randomHex: (bytes) => randomBytes(bytes).toString('hex') }));
    if (this.#waiting.length >= SPANS_A_MESSAGE) void this.#flush();
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#cancel?.();
    this.#cancel = this.#options.clock.schedule(FLUSH_MS, () => {
      void this.#flush();
      this.#schedule();
    });
  }

  #flush(): Promise<void> {
    if (this.#sending !== undefined) return this.#sending;
    const spans = this.#waiting;
    if (spans.length === 0) return Promise.resolve();
    this.#waiting = [];
    this.#sending = this.#send(spans).finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #send(spans: readonly OtlpSpan[]): Promise<void> {
    const { version, logger } = this.#options;
    const body = JSON.stringify({
      resourceSpans: [
        {
          resource: {
            attributes: [
              { key: 'service.name', value: { stringValue: 'pippa-agent' } },
              { key: 'service.version', value: { stringValue: version } },
            ],
          },
          scopeSpans: [{ scope: { name: 'pippa-gateway', version }, spans }],
        },
      ],
    });
    try {
      const response = await (this.#options.fetch ?? fetch)(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
      });
      if (!response.ok) throw new Error(`it answered with status ${response.status}`);
      this.#hasFailed = false;
    } catch (error) {
      // Once, until it works again: a collector that is away is away for a while.
      if (!this.#hasFailed) logger.warn({ url: this.#url, error: errorMessage(error) }, 'traces cannot be sent, and are dropped');
      this.#hasFailed = true;
    }
  }
}
