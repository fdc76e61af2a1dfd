import type { GenerationUsage } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { Metrics } from '../src/index.ts';
import type { RequestTrace } from '../src/telemetry/trace.ts';
import { FakeClock } from './support/fake-clock.ts';
import { RawClient } from './support/raw-client.ts';
import type { Script } from './support/scripted-model.ts';
import { ScriptedModel } from './support/scripted-model.ts';
import { failing, hanging, sentence } from './support/scripts.ts';
import { StreamReader } from './support/sse.ts';
import { hello, startGateway } from './support/test-gateway.ts';

const PATH = '/v1/chat/completions';

const newMetrics = (): Metrics =>
  new Metrics(() => ({ residentBytes: 4096, heapBytes: 1024, cpuSeconds: 1.5, startSeconds: 1_700_000_000 }));

/** Samples by name and labels, as `name{a="b"}`. */
async function scrape(url: string): Promise<Map<string, number>> {
  const response = await fetch(`${url}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

/** Says two words at known times of a fake clock, over a ring of two stages. */
const timed = (clock: FakeClock): Script =>
  async function* play() {
    clock.advance(250);
    yield { kind: 'text', text: 'One' };
    clock.advance(40);
    yield { kind: 'text', text: ' two' };
    clock.advance(10);
    const usage: GenerationUsage = {
      promptTokens: 100,
      cachedTokens: 60,
      generatedTokens: 2,
      queueMs: 30,
      prefillMs: 200,
      decodeMs: 50,
      ring: { steps: 3, stepMs: 120, stageMs: [40, 50] },
    };
    yield { kind: 'finish', reason: 'stop', usage, prepareMs: 20 };
  };

describe('/metrics', () => {
  it('shows where the time of answers goes', async () => {
    const clock = new FakeClock();
    const { post, url } = await startGateway({ clock, script: timed(clock) });
    await (await post(PATH, hello)).text();
    const shown = await scrape(url);
    const model = '{model="tiny"}';
    expect(shown.get(`pippa_first_token_seconds_sum${model}`)).toBeCloseTo(0.25);
    expect(shown.get('pippa_first_token_seconds_bucket{le="0.3",model="tiny"}')).toBe(1);
    expect(shown.get('pippa_first_token_seconds_bucket{le="0.2",model="tiny"}')).toBe(0);
    expect(shown.get(`pippa_inter_token_seconds_sum${model}`)).toBeCloseTo(0.04);
    expect(shown.get(`pippa_queue_seconds_sum${model}`)).toBeCloseTo(0.03);
    expect(shown.get(`pippa_prefill_tokens_per_second_sum${model}`)).toBeCloseTo(200);
    expect(shown.get(`pippa_decode_tokens_per_second_sum${model}`)).toBeCloseTo(20);
    expect(shown.get(`pippa_prompt_tokens_total${model}`)).toBe(100);
    expect(shown.get(`pippa_cached_prompt_tokens_total${model}`)).toBe(60);
    expect(shown.get(`pippa_generated_tokens_total${model}`)).toBe(2);
    expect(shown.get('pippa_generations_total{model="tiny",outcome="stop"}')).toBe(1);
    expect(shown.get('pippa_http_requests_total{method="POST",route="/v1/chat/completions",status="200"}')).toBe(1);
    expect(shown.get('pippa_http_active_requests')).toBe(1);
    expect(shown.get('process_resident_memory_bytes')).toBeGreaterThan(1e6);
  });

  it('counts requests by route and status, however many paths are tried', async () => {
    const { url } = await startGateway();
    for (const path of ['/v1/models/tiny', '/v1/models/a', '/v1/models/b', '/nothing/1', '/nothing/2']) {
      await (await fetch(`${url}${path}`)).text();
    }
    const requests = [...(await scrape(url))].filter(([name]) => name.startsWith('pippa_http_requests_total'));
    expect(Object.fromEntries(requests)).toEqual({
      'pippa_http_requests_total{method="GET",route="/v1/models/{model}",status="200"}': 1,
      'pippa_http_requests_total{method="GET",route="/v1/models/{model}",status="404"}': 2,
      'pippa_http_requests_total{method="GET",route="unknown",status="404"}': 2,
    });
  });

  it('tells generations that failed from those whose client left', async () => {
    const { post, url, model, idle } = await startGateway({ script: failing(new Error('broken'), 'a') });
    await (await post(PATH, hello)).text();
    model.script = hanging;
    const controller = new AbortController();
    const response = await post(PATH, { ...hello, stream: true }, { signal: controller.signal });
    await new StreamReader(response).until('Wait');
    controller.abort();
    await idle();
    const shown = await scrape(url);
    expect(shown.get('pippa_generations_total{model="tiny",outcome="failed"}')).toBe(1);
    expect(shown.get('pippa_generations_total{model="tiny",outcome="cancelled"}')).toBe(1);
    expect(shown.get('pippa_http_disconnects')).toBe(1);
  });

  it('shows what other parts bring, adds up rings of one model, and forgets a source that left', async () => {
    const metrics = newMetrics();
    const ring = { model: 'big', running: 2, waiting: 1, usedCells: 100, contextCells: 4096, preemptions: 3 };
    const leave = metrics.addSource(() => ({
      rings: [ring, { ...ring, recoveries: 4 }],
      swarm: { receivedBytes: 10, sentBytes: 20 },
    }));
    metrics.addSource(() => ({ peers: { alive: 2, suspect: 0, dead: 1 }, swarm: { receivedBytes: 5, sentBytes: 0 } }));
    metrics.observeStep({ model: 'big', computeMs: [20, 30], elapsedMs: 100, overlapped: false });
    metrics.observeStep({ model: 'big', computeMs: [20, 30], elapsedMs: 900, overlapped: true });
    metrics.observeStep({ model: 'solo', computeMs: [20], elapsedMs: 25, overlapped: false });
    const { url } = await startGateway({ metrics });
    const shown = await scrape(url);
    expect(shown.get('pippa_ring_running{model="big"}')).toBe(4);
    expect(shown.get('pippa_ring_waiting{model="big"}')).toBe(2);
    expect(shown.get('pippa_kv_used_cells{model="big"}')).toBe(200);
    expect(shown.get('pippa_preemptions_total{model="big"}')).toBe(6);
    expect(shown.get('pippa_recoveries_total{model="big"}')).toBe(4);
    expect(shown.get('pippa_swarm_bytes_total{direction="received"}')).toBe(15);
    expect(shown.get('pippa_peers{state="dead"}')).toBe(1);
    expect(shown.get('pippa_stage_step_seconds_sum{model="big",stage="1"}')).toBeCloseTo(0.06);
    expect(shown.get('pippa_step_seconds_count{model="big"}')).toBe(2);
    expect(shown.get('pippa_step_network_seconds_count{model="big"}')).toBe(1);
    expect(shown.get('pippa_network_share{model="big"}')).toBeCloseTo(0.5);
    expect(shown.has('pippa_network_share{model="solo"}')).toBe(false);
    expect(shown.get('process_cpu_seconds_total')).toBe(1.5);
    leave();
    const after = await scrape(url);
    expect(after.has('pippa_ring_running{model="big"}')).toBe(false);
    expect(after.get('pippa_swarm_bytes_total{direction="received"}')).toBe(5);
  });

  it('keeps the series of models bounded', async () => {
    const metrics = newMetrics();
    for (let index = 0; index < 1000; index++) metrics.observeGeneration(`model-${index}`, 'stop', undefined);
    const text = await metrics.text();
    expect(text.match(/^pippa_generations_total/gm)?.length).toBeLessThan(200);
    expect(text).toMatch(/model="other",outcome="stop"} 872/);
  });
});

describe('/ready', () => {
  it('says whether there is a model to ask', async () => {
    const { url } = await startGateway();
    expect(await (await fetch(`${url}/ready`)).json()).toEqual({ ready: true });
    const empty = await startGateway({ models: { list: () => [], get: () => new ScriptedModel('x', sentence) } });
    const response = await fetch(`${empty.url}/ready`);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(await response.json()).toEqual({ ready: false, reason: 'no_model' });
    const state = { isLoaded: false };
    const loading = await startGateway({ isLoaded: () => state.isLoaded });
    expect(await (await fetch(`${loading.url}/ready`)).json()).toEqual({ ready: false, reason: 'loading' });
    state.isLoaded = true;
    expect((await fetch(`${loading.url}/ready`)).status).toBe(200);
  });
});

describe('traces', () => {
  const traceOf = async (url: string, id: string): Promise<RequestTrace> =>
    (await (await fetch(`${url}/pippa/v1/traces/${id}`)).json()) as RequestTrace;

  it('tell where the time of a request went, stage by stage', async () => {
    const clock = new FakeClock();
    const { post, url } = await startGateway({ clock, script: timed(clock), stageNames: () => ['studio', 'mini'] });
    const response = await post(PATH, hello, {
      headers: { 'content-type': 'application/json', 'x-request-id': 'mine-1' },
    });
    await response.text();
    const trace = await traceOf(url, 'mine-1');
    expect(trace).toEqual({
      id: 'mine-1',
      method: 'POST',
      route: PATH,
      startedAtMs: 1_700_000_000_000,
      state: 'done',
      status: 200,
      durationMs: 300,
      generations: [
        {
          model: 'tiny',
          startedMs: 0,
          tokenizeMs: 20,
          queueMs: 30,
          prefillMs: 200,
          firstTokenMs: 250,
          decodeMs: 50,
          durationMs: 300,
          promptTokens: 100,
          cachedTokens: 60,
          generatedTokens: 2,
          outcome: 'stop',
          stages: [
            { stage: 0, node: 'studio', computeMs: 40 },
            { stage: 1, node: 'mini', computeMs: 50 },
          ],
          steps: 3,
          betweenStagesMs: 30,
        },
      ],
    });
  });

  it('are there while a request runs, and say that its client left', async () => {
    const { post, url, idle } = await startGateway({ script: hanging });
    const controller = new AbortController();
    const response = await post(PATH, { ...hello, stream: true, n: 2 }, { signal: controller.signal });
    const id = response.headers.get('x-request-id') ?? '';
    await new StreamReader(response).until('"index":1,"delta":{"content":"Wait"');
    expect(await traceOf(url, id)).toMatchObject({ state: 'running', generations: [{ model: 'tiny' }, { model: 'tiny' }] });
    controller.abort();
    await idle();
    expect(await traceOf(url, id)).toMatchObject({
      state: 'disconnected',
      generations: [{ outcome: 'cancelled' }, { outcome: 'cancelled' }],
    });
  });

  it('hold neither prompt nor answer, but the code of an error', async () => {
    const { post, url } = await startGateway();
    await (await post(PATH, { ...hello, messages: [{ role: 'user', content: 'my secret' }] })).text();
    const failed = await post(PATH, { model: 'missing', messages: hello.messages });
    await failed.text();
    const { traces } = (await (await fetch(`${url}/pippa/v1/traces`)).json()) as { traces: RequestTrace[] };
    expect(traces.map(({ status, error }) => [status, error])).toEqual([
      [404, 'model_not_found'],
      [200, undefined],
    ]);
    expect(JSON.stringify(traces)).not.toMatch(/secret|Bees/);
  });

  it('are kept for the last requests alone; looking at the agent pushes none out', async () => {
    const { post, url, port } = await startGateway({ limits: { maxTraces: 2 } });
    const ids: string[] = [];
    for (let index = 0; index < 3; index++) ids.push((await post(PATH, hello)).headers.get('x-request-id') ?? '');
    for (let index = 0; index < 5; index++) await fetch(`${url}/health`);
    const client = new RawClient(port);
    client.send('not http\r\n\r\n');
    await client.closed;
    const statuses = await Promise.all(ids.map(async (id) => (await fetch(`${url}/pippa/v1/traces/${id}`)).status));
    expect(statuses).toEqual([404, 200, 200]);
    expect(await (await fetch(`${url}/pippa/v1/traces/none`)).json()).toMatchObject({ error: { code: 'trace_not_found' } });
  });
});
