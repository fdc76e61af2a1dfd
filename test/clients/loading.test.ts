import Anthropic from '@anthropic-ai/sdk';
import { Ollama } from 'ollama';
import OpenAI, { InternalServerError } from 'openai';
import { expect, it, onTestFinished } from 'vitest';
import { serviceOf } from '../../packages/gateway/test/support/scripted-model.ts';
import { SENTENCE, sentence } from '../../packages/gateway/test/support/scripts.ts';
import { FakeClock } from '../../packages/gateway/test/support/fake-clock.ts';
import { SleepingModel } from '../../packages/gateway/test/support/sleeping-model.ts';
import { until } from '../../packages/gateway/test/support/test-gateway.ts';
import { startScripted } from './support/targets.ts';

const MODEL = 'org/sleeping:Q4_0';
const request = { model: MODEL, messages: [{ role: 'user' as const, content: 'Hello' }] };

/** A model that is loaded, with all there is to tell meanwhile, once somebody asks for it. */
async function setUp(): Promise<{ url: string; sleeper: SleepingModel; wake: () => Promise<void> }> {
  const clock = new FakeClock();
  const sleeper = new SleepingModel(MODEL, sentence);
  const target = await startScripted(sentence, { models: serviceOf(sleeper), clock });
  onTestFinished(() => target.stop());
  const wake = async (): Promise<void> => {
    await until(() => sleeper.waiting > 0);
    for (let percent = 0; percent < 100; percent += 10) {
      clock.advance(250);
      sleeper.reach(percent / 100);
    }
    sleeper.finish();
  };
  return { url: target.url, sleeper, wake };
}

it('the openai client reads a stream that tells first how far its model is', async () => {
  const { url, wake } = await setUp();
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'secret', maxRetries: 0 });
  const woken = wake();
  let text = '';
  for await (const chunk of await client.chat.completions.create({ ...request, stream: true }))
    text += chunk.choices[0]?.delta.content ?? '';
  expect(text).toBe(SENTENCE);
  await woken;
});

it('so does its client of responses', async () => {
  const { url, wake } = await setUp();
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'secret', maxRetries: 0 });
  const woken = wake();
  let text = '';
  for await (const event of await client.responses.create({ model: MODEL, input: 'Hello', stream: true }))
    if (event.type === 'response.output_text.delta') text += event.delta;
  expect(text).toBe(SENTENCE);
  await woken;
});

it('the openai client that does not wait is told, and comes back when Retry-After says', async () => {
  const { url, sleeper } = await setUp();
  const defaultHeaders = { prefer: 'wait=0' };
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'secret', maxRetries: 0, defaultHeaders });
  sleeper.reach(0.5, 1000);
  const failure = await client.chat.completions.create(request).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(InternalServerError);
  expect(failure).toMatchObject({ status: 503, code: 'model_loading', headers: expect.anything() });
  expect((failure as InternalServerError).headers.get('retry-after')).toBe('1');
  sleeper.finish();
  expect((await client.chat.completions.create(request)).choices[0]?.message.content).toBe(SENTENCE);
});

it('the anthropic client reads past the pings', async () => {
  const { url, wake } = await setUp();
  const client = new Anthropic({ baseURL: url, apiKey: 'secret', maxRetries: 0 });
  const woken = wake();
  const message = await client.messages.stream({ ...request, max_tokens: 100 }).finalMessage();
  expect(message.content).toMatchObject([{ type: 'text', text: SENTENCE }]);
  await woken;
});

it('the ollama client gets its lines, and loads a model by asking nothing of it', async () => {
  const { url, wake, sleeper } = await setUp();
  const client = new Ollama({ host: url });
  const woken = wake();
  expect(await client.generate({ model: MODEL, prompt: '' })).toMatchObject({ done: true, done_reason: 'load' });
  await woken;
  expect(sleeper.ready).toBe(true);
  let text = '';
  for await (const part of await client.chat({ ...request, stream: true })) text += part.message.content;
  expect(text).toBe(SENTENCE);
});
