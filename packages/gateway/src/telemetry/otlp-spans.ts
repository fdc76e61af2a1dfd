import type { GenerationTrace, RequestTrace } from './trace.ts';

/** A span in the JSON form of OTLP 1.x (opentelemetry-proto, trace.proto): ids in hexadecimal, times in nanoseconds as text. */
export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly OtlpAttribute[];
  readonly status: { readonly code: number; readonly message?: string };
}

interface OtlpAttribute {
  readonly key: string;
  readonly value: { readonly stringValue: string } | { readonly intValue: string } | { readonly doubleValue: number };
}

const KIND_INTERNAL = 1;
const KIND_SERVER = 2;
const STATUS_OK = 1;
const STATUS_ERROR = 2;
const FIRST_SERVER_ERROR = 500;

/** `randomHex`: so many random bytes. `parent`: of the request's `traceparent` header. */
export interface SpanIds {
  readonly randomHex: (bytes: number) => string;
  readonly parent: TraceParent | undefined;
}

export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
}

/** W3C Trace Context; undefined when there is none, or it makes no sense. */
export function parseTraceParent(header: unknown): TraceParent | undefined {
  if (typeof header !== 'string') return undefined;
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(header.trim());
  const [, traceId = '', spanId = ''] = match ?? [];
  return /[1-9a-f]/.test(traceId) && /[1-9a-f]/.test(spanId) ? { traceId, spanId } : undefined;
}

/** One request as spans: the request, its generations, and where the time of each went. */
export function requestSpans(trace: RequestTrace, { randomHex, parent }: SpanIds): OtlpSpan[] {
  const traceId = parent?.traceId ?? randomHex(16);
  const spanId = randomHex(8);
  const failed = trace.state !== 'done' || (trace.status ?? 0) >= FIRST_SERVER_ERROR;
  const root: OtlpSpan = {
    traceId,
    spanId,
    ...(parent === undefined ? {} : { parentSpanId: parent.spanId }),
    name: `${trace.method} ${trace.route}`,
    kind: KIND_SERVER,
    ...times(trace.startedAtMs, trace.durationMs ?? 0),
    attributes: attributes({
      'http.request.method': trace.method,
      'http.route': trace.route,
      'http.response.status_code': trace.status,
      'error.type': trace.error,
      'pippa.request.id': trace.id,
      'pippa.key': trace.key,
    }),
    status: failed ? { code: STATUS_ERROR, message: trace.error ?? trace.state } : { code: STATUS_OK },
  };
  const under = (name: string, parentSpanId: string, startMs: number, durationMs: number, more: Attributes = {}): OtlpSpan => ({
    traceId,
    spanId: randomHex(8),
    parentSpanId,
    name,
    kind: KIND_INTERNAL,
    ...times(startMs, durationMs),
    attributes: attributes(more),
    status: { code: STATUS_OK },
  });
  const generations = trace.generations.flatMap((generation) => {
    const startMs = trace.startedAtMs + generation.startedMs;
    const span = under(`generate ${generation.model}`, spanId, startMs, generation.durationMs ?? 0, usage(generation));
    let atMs = startMs;
    const phases = PHASES.flatMap(([name, key]) => {
      const durationMs = generation[key];
      if (durationMs === undefined) return [];
      const phase = under(name, span.spanId, atMs, durationMs);
      atMs += durationMs;
      return [phase];
    });
    return [span, ...phases];
  });
  return [root, ...generations];
}

const PHASES = [
  ['tokenize', 'tokenizeMs'],
  ['queue', 'queueMs'],
  ['prefill', 'prefillMs'],
  ['decode', 'decodeMs'],
] as const;

function usage(generation: GenerationTrace): Attributes {
  return {
    'gen_ai.request.model': generation.model,
    'gen_ai.usage.input_tokens': generation.promptTokens,
    'gen_ai.usage.output_tokens': generation.generatedTokens,
    'gen_ai.response.finish_reasons': generation.outcome,
    'pippa.cached_tokens': generation.cachedTokens,
    'pippa.steps': generation.steps,
    'pippa.between_stages_ms': generation.betweenStagesMs,
    ...Object.fromEntries((generation.stages ?? []).map(({ stage, computeMs }) => [`pippa.stage.${stage}.compute_ms`, computeMs])),
  };
}

type Attributes = Readonly<Record<string, string | number | undefined>>;

function attributes(values: Attributes): OtlpAttribute[] {
  return Object.entries(values).flatMap(([key, value]): OtlpAttribute[] => {
    if (value === undefined) return [];
    if (typeof value === 'string') return [{ key, value: { stringValue: value } }];
    return [{ key, value: Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value } }];
  });
}

function times(startMs: number, durationMs: number): Pick<OtlpSpan, 'startTimeUnixNano' | 'endTimeUnixNano'> {
  return { startTimeUnixNano: nanoseconds(startMs), endTimeUnixNano: nanoseconds(startMs + durationMs) };
}

/** Beyond what a number holds exactly. */
const nanoseconds = (ms: number): string => (BigInt(Math.round(ms * 1000)) * 1000n).toString();
