import { silentLogger, type Logger } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { createTraceExporter } from '../src/index.ts';
import { parseTraceParent, requestSpans } from '../src/telemetry/otlp-spans.ts';
import type { RequestTrace } from '../src/telemetry/trace.ts';
import { FakeClock } from './support/fake-clock.ts';
import { hello, startGateway, until } from './support/test-gateway.ts';

const trace: RequestTrace = {
  id: 'req_1',
  method: 'POST',
  route: '/v1/chat/completions',
  startedAtMs: 1_700_000_000_000.25,
  state: 'done',
  status: 200,
  durationMs: 100,
  generations: [
    {
      model: 'tiny',
      startedMs: 5,
      tokenizeMs: 1,
      queueMs: 2,
      prefillMs: 30,
      decodeMs: 50,
      durationMs: 90,
      promptTokens: 10,
      generatedTokens: 4,
      outcome: 'stop',
      stages: [{ stage: 0, computeMs: 12.5 }],
    },
  ],
};

/** Takes what would go to the collector. */
function collector(respond: () => Response = () => new Response('{}')) {
  const sent: { url: string; spans: { name: string; parentSpanId?: string; traceId: string }[] }[] = [];
  const take: typeof fetch = (url, init) => {
    const body = typeof init?.body === 'string' ? init.body : '';
    const { resourceSpans } = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: [] }[] }[] };
    sent.push({ url: typeof url === 'string' ? url : '', spans: resourceSpans[0]?.scopeSpans[0]?.spans ?? [] });
    return Promise.resolve(respond());
  };
  return { sent, take };
}

describe('the spans of a request', () => {
  it('say where its time went, one after the other, under the trace that it belongs to', () => {
    let id = 0;
    const randomHex = (bytes: number): string => String((id += 1)).padStart(bytes * 2, '0');
    const parent = parseTraceParent('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');
    const spans = requestSpans(trace, { parent, randomHex });
    expect(spans.map(({ name }) => name)).toEqual([
      'POST /v1/chat/completions',
      'generate tiny',
      'tokenize',
      'queue',
      'prefill',
      'decode',
    ]);
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set(['4bf92f3577b34da6a3ce929d0e0e4736']));
    const [root, generation, tokenize, , , decode] = spans;
    expect(root).toMatchObject({ parentSpanId: '00f067aa0ba902b7', kind: 2, startTimeUnixNano: '1700000000000250000' });
    expect(generation).toMatchObject({ parentSpanId: root?.spanId });
    expect(generation?.attributes).toContainEqual({ key: 'gen_ai.usage.output_tokens', value: { intValue: '4' } });
    expect(generation?.attributes).toContainEqual({ key: 'pippa.stage.0.compute_ms', value: { doubleValue: 12.5 } });
    expect(tokenize).toMatchObject({ parentSpanId: generation?.spanId, startTimeUnixNano: '1700000000005250000' });
    expect(decode).toMatchObject({ startTimeUnixNano: '1700000000038250000', endTimeUnixNano: '1700000000088250000' });
  });

  it.each([undefined, '', 'nonsense', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, ['00-a']])(
    'begin a trace of their own for the header %j',
    (header) => {
      expect(parseTraceParent(header)).toBeUndefined();
    },
  );
});

describe('the exporter', () => {
  it('gathers spans, sends them in its own time, and the rest when it stops', async () => {
    const clock = new FakeClock();
    const { sent, take } = collector();
    const exporter = createTraceExporter({
      endpoint: 'http://collector:4318/',
      version: '1',
      clock,
      logger: silentLogger,
      fetch: take,
    });
    await exporter.start();
    exporter.add(trace, undefined);
    expect(sent).toHaveLength(0);
    clock.advance(5000);
    expect(sent).toEqual([expect.objectContaining({ url: 'http://collector:4318/v1/traces' })]);
    expect(sent[0]?.spans).toHaveLength(6);
    exporter.add(trace, undefined);
    await exporter.stop();
    expect(sent).toHaveLength(2);
    expect(clock.pending).toBe(0);
  });

  it('drops what cannot be sent, keeps no more than its share, and says so once', async () => {
    const clock = new FakeClock();
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (_fields, message) => void warnings.push(message) };
    const { sent, take } = collector(() => new Response('', { status: 500 }));
    const exporter = createTraceExporter({ endpoint: 'http://collector', version: '1', clock, logger, fetch: take });
    await exporter.start();
    for (let round = 0; round < 10_000; round++) exporter.add(trace, undefined);
    await exporter.stop();
    expect(sent.reduce((sum, { spans }) => sum + spans.length, 0)).toBeLessThan(10_000);
    expect(warnings).toEqual(['traces cannot be sent, and are dropped']);
  });

  it('is told of every request that was worked on, without a word of it', async () => {
    const added: { trace: RequestTrace; parent: unknown }[] = [];
    const exporter = {
      add: (one: RequestTrace, parent: unknown) => void added.push({ trace: one, parent }),
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    };
    const { post, url } = await startGateway({ exporter });
    await (await fetch(`${url}/health`)).text();
    const headers = {
      'content-type': 'application/json',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    };
    await (await post('/v1/chat/completions', hello, { headers })).text();
    await until(() => added.length === 1);
    expect(added[0]?.parent).toMatchObject({ spanId: '00f067aa0ba902b7' });
    expect(added[0]?.trace).toMatchObject({ state: 'done', generations: [{ outcome: 'stop' }] });
    expect(JSON.stringify(added)).not.toMatch(/Bees|Hello/);
  });
});
