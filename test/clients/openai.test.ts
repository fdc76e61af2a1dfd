import OpenAI, { APIError, APIUserAbortError, AuthenticationError, InternalServerError } from 'openai';
import type { GatewayOptions } from '@pippa/gateway';
import { OverloadedError, StageError } from '@pippa/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Script } from '../../packages/gateway/test/support/scripted-model.ts';
import { failing, SENTENCE, sentence } from '../../packages/gateway/test/support/scripts.ts';
import { describeOpenAiClient } from './openai-suite.ts';
import { demo, SCRIPTED, startScripted } from './support/targets.ts';

for (const suite of [SCRIPTED, demo(1), demo(3)]) describeOpenAiClient(suite);

describe('the openai client against failures', () => {
  const setUp = async (script: Script, options: Partial<GatewayOptions> = {}) => {
    const target = await startScripted(script, options);
    onTestFinished(() => target.stop());
    return { model: target.scripted, client: new OpenAI({ baseURL: `${target.url}/v1`, apiKey: 'secret', maxRetries: 0 }) };
  };
  const request = { model: 'org/scripted:Q4_0', messages: [{ role: 'user' as const, content: 'Hello' }] };

  it('gets its InternalServerError when a stage fails', async () => {
    const { client } = await setUp(failing(new StageError('Stage 1 is gone.')));
    const failure = await client.chat.completions.create(request).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InternalServerError);
    expect(failure).toMatchObject({ status: 500, code: 'stage_failed', message: expect.stringContaining('Stage 1 is gone.') });
  });

  it('gets an APIError out of a stream that fails in the middle, after the text so far', async () => {
    const { client } = await setUp(failing(new StageError('Stage 1 is gone.'), 'Half'));
    let text = '';
    const failure = await (async () => {
      for await (const chunk of await client.chat.completions.create({ ...request, stream: true }))
        text += chunk.choices[0]?.delta.content ?? '';
    })().catch((error: unknown) => error);
    expect(text).toBe('Half');
    expect(failure).toBeInstanceOf(APIError);
    expect(failure).toMatchObject({ code: 'stage_failed', message: 'Stage 1 is gone.' });
  });

  it('tries again when the queue was full, as Retry-After says', async () => {
    const attempts = { count: 0 };
    const { client } = await setUp(async function* full(scripted, signal) {
      if (attempts.count++ === 0) throw new OverloadedError('The queue is full.', 0.02);
      yield* sentence(scripted, signal);
    });
    const completion = await client.chat.completions.create(request, { maxRetries: 1 });
    expect(attempts.count).toBe(2);
    expect(completion.choices[0]?.message.content).toBe(SENTENCE);
  });

  it('gets its AuthenticationError for a wrong key', async () => {
    const { client } = await setUp(sentence, { apiKey: 'secret' });
    expect((await client.chat.completions.create(request)).choices).toHaveLength(1);
    const wrong = client.withOptions({ apiKey: 'wrong' });
    await expect(wrong.chat.completions.create(request)).rejects.toBeInstanceOf(AuthenticationError);
  });

  it('aborts a request that has no answer yet', async () => {
    const { client, model } = await setUp(sentence);
    const controller = new AbortController();
    const endless = { ...request, ignore_eos: true };
    const pending = client.chat.completions.create(endless, { signal: controller.signal }).catch((error: unknown) => error);
    await expect.poll(() => model.running, { timeout: 5000, interval: 1 }).toBe(1);
    controller.abort();
    expect(await pending).toBeInstanceOf(APIUserAbortError);
    await expect.poll(() => model.running, { timeout: 5000, interval: 1 }).toBe(0);
  });
});
