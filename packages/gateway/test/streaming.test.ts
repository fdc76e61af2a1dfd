import { request as httpRequest } from 'node:http';
import { StageError, StoppedError } from '@pippa/core';
import type { TextEvent } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { chatCompletionChunk } from '../src/openai/schemas/responses.ts';
import { FakeClock } from './support/fake-clock.ts';
import { postRequest, RawClient } from './support/raw-client.ts';
import { usageOf } from './support/scripted-model.ts';
import type { Script } from './support/scripted-model.ts';
import { failing, hanging, logprobOf, playing, saying, waiting } from './support/scripts.ts';
import { readEvents, StreamReader } from './support/sse.ts';
import { hello, startGateway, until } from './support/test-gateway.ts';

const PATH = '/v1/chat/completions';
const streamed = { ...hello, stream: true };

describe('a streamed chat completion', () => {
  it('sends role, content, finish reason and [DONE], each chunk in the shape of OpenAI', async () => {
    const { post } = await startGateway({ script: saying('Hel', '', 'lo "you"\n') });
    const response = await post(PATH, streamed);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const events = await readEvents(response);
    expect(events.at(-1)).toBe('[DONE]');
    const chunks = events.slice(0, -1).map((data) => chatCompletionChunk.strict().parse(JSON.parse(data)));
    expect(chunks.map((chunk) => chunk.choices)).toEqual([
      [{ index: 0, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }],
      [{ index: 0, delta: { content: 'Hel' }, logprobs: null, finish_reason: null }],
      [{ index: 0, delta: { content: 'lo "you"\n' }, logprobs: null, finish_reason: null }],
      [{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }],
    ]);
    expect(new Set(chunks.map(({ id, created, model }) => `${id} ${created} ${model}`)).size).toBe(1);
    expect(chunks.every((chunk) => !('usage' in chunk))).toBe(true);
    expect(chunks.at(-1)?.timings).toMatchObject({ cache_n: 1, prompt_n: 1, predicted_n: 3, predicted_per_second: 150 });
  });

  it('ends with the usage and no choices when asked', async () => {
    const { post } = await startGateway();
    const events = await readEvents(await post(PATH, { ...streamed, stream_options: { include_usage: true } }));
    const chunks = events.slice(0, -1).map((data) => chatCompletionChunk.strict().parse(JSON.parse(data)));
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 2, completion_tokens: 10, total_tokens: 12, prompt_tokens_details: { cached_tokens: 1 } },
    });
  });

  it('sends reasoning and tool calls piece by piece', async () => {
    const { post } = await startGateway();
    const tools = [{ type: 'function', function: { name: 'weather' } }];
    const events = await readEvents(await post(PATH, { ...streamed, tools }));
    const deltas = events.slice(0, -1).map((data) => chatCompletionChunk.strict().parse(JSON.parse(data)).choices[0]);
    expect(deltas.map((choice) => choice?.delta)).toEqual([
      { role: 'assistant', content: null },
      { reasoning_content: 'A tool knows.' },
      { tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'weather', arguments: '' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '"Paris"}' } }] },
      {},
    ]);
    expect(deltas.at(-1)?.finish_reason).toBe('tool_calls');
  });

  it('sends log probabilities with their text, even while the text is held back', async () => {
    const script = playing([{ kind: 'text', text: '', logprobs: [logprobOf('\uFFFD', 1)] }]);
    const { post } = await startGateway({ script });
    const events = await readEvents(await post(PATH, { ...streamed, logprobs: true, top_logprobs: 1 }));
    expect(chatCompletionChunk.strict().parse(JSON.parse(events[1] ?? '')).choices[0]).toMatchObject({
      delta: { content: '' },
      logprobs: { content: [{ token: '\uFFFD', logprob: -0.25, top_logprobs: [{ token: '\uFFFD' }] }] },
    });
  });

  it('interleaves n choices by their index', async () => {
    const { post } = await startGateway();
    const events = await readEvents(await post(PATH, { ...streamed, n: 3, seed: 1, temperature: 1 }));
    const chunks = events.slice(0, -1).map((data) => chatCompletionChunk.parse(JSON.parse(data)).choices[0]);
    const texts = [0, 1, 2].map((index) =>
      chunks
        .filter((choice) => choice?.index === index)
        .map((choice) => choice?.delta.content ?? '')
        .join(''),
    );
    expect(new Set(texts).size).toBe(3);
    expect(texts[0]).toMatch(/^ build their/);
    const order = chunks.map((choice) => choice?.index).join('');
    expect(order).not.toMatch(/^0+1+2+$/);
    expect(chunks.filter((choice) => choice?.finish_reason === 'stop')).toHaveLength(3);
  });

  it('sends a token as soon as it is there', async () => {
    const { post, model } = await startGateway({ script: hanging });
    const client = new AbortController();
    const response = await post(PATH, streamed, { signal: client.signal });
    const reader = new StreamReader(response);
    await reader.until('"Wait"');
    expect(model.running).toBe(1);
    client.abort();
  });

  it('carries any text unharmed', async () => {
    const texts = ['"\\', '\u2028\u2029', '\u0000\u001f', 'data: [DONE]\n\n', '日本', '\uD83D\uDE00', '</script>'];
    const { post } = await startGateway({ script: saying(...texts) });
    const events = await readEvents(await post(PATH, streamed));
    const said = events.slice(0, -1).map((data) => chatCompletionChunk.parse(JSON.parse(data)).choices[0]?.delta.content ?? '');
    expect(said.join('')).toBe(texts.join(''));
  });
});

describe('an error after the stream began', () => {
  it('is told in the stream, which then ends without [DONE]', async () => {
    const { post, gateway, idle } = await startGateway({ script: failing(new StageError('Stage 2 is gone.'), 'Half') });
    const events = await readEvents(await post(PATH, streamed));
    expect(JSON.parse(events.at(-1) ?? '')).toEqual({
      error: { message: 'Stage 2 is gone.', type: 'server_error', param: null, code: 'stage_failed' },
    });
    expect(events).not.toContain('[DONE]');
    await idle();
    expect(gateway.counters().serverErrors).toBe(1);
  });

  it('of one choice cancels the others', async () => {
    const half: Script = async function* fail(request, signal) {
      const seed = request.kind === 'chat' ? request.chat.sampler.seed : 0;
      yield { kind: 'text', text: 'x' };
      if (seed === 1) throw new StageError('Stage 2 is gone.');
      yield* waiting(request, signal);
    };
    const { post, model, idle } = await startGateway({ script: half });
    const events = await readEvents(await post(PATH, { ...streamed, n: 4, seed: 0 }));
    expect(JSON.parse(events.at(-1) ?? '')).toMatchObject({ error: { code: 'stage_failed' } });
    await idle();
    expect(model.calls).toHaveLength(4);
    expect(model.running).toBe(0);
  });
});

describe('a stream that is silent', () => {
  it('holds the headers back until the first event, then keeps the client waiting with comments', async () => {
    const clock = new FakeClock();
    const { port, model } = await startGateway({ script: waiting, clock, limits: { keepAliveCommentMs: 10_000 } });
    const client = new RawClient(port);
    client.send(postRequest(PATH, streamed));
    await until(() => model.running === 1);
    clock.advance(9999);
    expect(client.received).toBe('');
    clock.advance(1);
    await client.until(': keep-alive\n\n');
    expect(client.status).toBe(200);
    client.received = '';
    clock.advance(10_000);
    await client.until(': keep-alive\n\n');
    client.socket.destroy();
    await until(() => model.running === 0);
  });

  it('sends no comment where tokens flow', async () => {
    const clock = new FakeClock();
    const { post, model } = await startGateway({ script: hanging, clock });
    const client = new AbortController();
    const reader = new StreamReader(await post(PATH, streamed, { signal: client.signal }));
    await reader.until('"Wait"');
    clock.advance(10_000);
    expect(reader.text).not.toContain('keep-alive');
    client.abort();
    await until(() => model.running === 0);
  });
});

describe('a slow client', () => {
  const endless: Script = async function* flood(_, signal) {
    for (let index = 0; ; index++) {
      signal.throwIfAborted();
      yield { kind: 'text', text: 'x'.repeat(1000) };
      if (index % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };

  it('holds the generation back instead of filling the memory, and goes on when it reads again', async () => {
    const counter = { produced: 0 };
    const script: Script = async function* count(request, signal) {
      for await (const event of endless(request, signal)) {
        counter.produced++;
        yield event;
        if (counter.produced === 20_000) break;
      }
      yield { kind: 'finish', reason: 'stop', usage: usageOf(request, counter.produced) };
    };
    const { port, idle } = await startGateway({ script });
    const paused = await openStream(port);
    paused.pause();
    let before = -1;
    // Held back means: nothing more is produced over many turns of the event loop.
    while (before !== counter.produced) {
      before = counter.produced;
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(counter.produced).toBeLessThan(20_000);
    let text = '';
    paused.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    paused.resume();
    await new Promise((resolve) => paused.once('end', resolve));
    expect(text.match(/x{1000}/g)).toHaveLength(20_000);
    expect(text).toMatch(/\[DONE\]\n\n$/);
    await idle();
  });

  it('counts as gone when it does not read for too long', async () => {
    const clock = new FakeClock();
    const { port, model, gateway, idle } = await startGateway({ script: endless, clock, limits: { stalledClientMs: 60_000 } });
    const paused = await openStream(port);
    paused.pause();
    await until(() => {
      // What the kernel still takes counts as reading, so the time may have to pass more than once.
      clock.advance(60_000);
      return model.running === 0;
    });
    await idle();
    expect(model.running).toBe(0);
    expect(gateway.counters().disconnects).toBe(1);
    expect(clock.pending).toBe(0);
  });
});

describe('stopping in the middle of a stream', () => {
  it('tells the client that the answer is cut', async () => {
    const { post, gateway, model } = await startGateway({ script: hanging, limits: { drainMs: 0, abortMs: 5000 } });
    const reader = new StreamReader(await post(PATH, streamed));
    await reader.until('"Wait"');
    await gateway.stop();
    const text = await reader.rest();
    expect(text).toContain(`"code":"${new StoppedError('').code}"`);
    expect(text).not.toContain('[DONE]');
    expect(model.running).toBe(0);
  });

  it('tells the same when the model ends with an error of its own', async () => {
    const script: Script = async function* own(_, signal) {
      yield { kind: 'text', text: 'Wait' };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      throw new DOMException('Aborted', 'AbortError');
    };
    const { post, gateway } = await startGateway({ script });
    const reader = new StreamReader(await post(PATH, streamed));
    await reader.until('"Wait"');
    await gateway.stop();
    expect(await reader.rest()).toContain('"code":"stopped"');
    expect(gateway.counters().serverErrors).toBe(0);
  });

  it('lets a short answer end first', async () => {
    const gate = Promise.withResolvers<void>();
    const script: Script = async function* gated(request) {
      yield { kind: 'text', text: 'first' } satisfies TextEvent;
      await gate.promise;
      yield { kind: 'text', text: 'last' } satisfies TextEvent;
      yield { kind: 'finish', reason: 'stop', usage: usageOf(request, 2) };
    };
    const { post, gateway } = await startGateway({ script, limits: { drainMs: 60_000 } });
    const reader = new StreamReader(await post(PATH, streamed));
    await reader.until('"first"');
    const stopped = gateway.stop();
    gate.resolve();
    expect(await reader.rest()).toMatch(/"last"[^]*\[DONE\]\n\n$/);
    await stopped;
  });
});

/** The response of a stream as node gives it: its reading can be paused down to the socket. */
function openStream(port: number): Promise<NodeJS.ReadableStream> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      path: PATH,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    request.once('response', resolve);
    request.once('error', reject);
    request.end(JSON.stringify(streamed));
  });
}
