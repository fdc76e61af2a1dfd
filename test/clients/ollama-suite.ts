import { Ollama, type ChatResponse, type GenerateResponse, type Tool } from 'ollama';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientSuite, ClientTarget } from './support/targets.ts';

const WEATHER_TOOL: Tool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Get the weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

const gather = async <Item>(stream: AsyncIterable<Item>): Promise<Item[]> => {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
};

/** What users of the `ollama` package rely on; holds for the scripted model and for real ones alike. */
export function describeOllamaClient(suite: ClientSuite): void {
  describe(`the ollama client against ${suite.name}`, () => {
    let target: ClientTarget;
    let client: Ollama;
    const messages = [{ role: 'user', content: suite.question }];
    /** The same answer every time. */
    const fixed = () => ({ model: target.model, options: { temperature: 0, seed: 1, num_predict: 64 } });

    beforeAll(async () => {
      target = await suite.start();
      client = new Ollama({ host: target.url });
    }, 120_000);

    afterAll(() => target.stop());

    it('finds out that there is a server, and its version', async () => {
      expect((await fetch(target.url, { method: 'HEAD' })).status).toBe(200);
      expect((await client.version()).version).toMatch(/^\d+\.\d+\.\d+$/);
    });

    it('lists the models and shows one', async () => {
      const { models } = await client.list();
      expect(models).toMatchObject([{ name: target.model, model: target.model, digest: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
      expect(models[0]?.size).toBeGreaterThan(0);
      expect(models[0]?.details).toMatchObject({ format: 'gguf', parameter_size: expect.stringMatching(/^[\d.]+[BM]$/) });
      expect((await client.ps()).models.map(({ name }) => name)).toEqual([target.model]);
      const shown = await client.show({ model: `${target.model}:latest` });
      expect(shown.capabilities).toContain('completion');
      const info = shown.model_info as unknown as Record<string, unknown>;
      expect(info[`${String(info['general.architecture'])}.context_length`]).toBe(target.contextTokens);
      expect(shown.details.quantization_level).toBe(models[0]?.details.quantization_level);
    });

    it('gets an answer with its figures', async () => {
      const answer = await client.chat({ ...fixed(), messages });
      expect(answer.message).toMatchObject({ role: 'assistant', content: expect.stringMatching(suite.answer) });
      expect(answer).toMatchObject({ model: target.model, done: true });
      expect(['stop', 'length']).toContain(answer.done_reason);
      expect(answer.eval_count).toBeGreaterThan(0);
      expect(answer.prompt_eval_count).toBeGreaterThan(0);
      expect(Number.isNaN(Date.parse(String(answer.created_at)))).toBe(false);
    });

    it('streams the same answer', async () => {
      const whole = await client.chat({ ...fixed(), messages });
      const lines: ChatResponse[] = await gather(await client.chat({ ...fixed(), messages, stream: true }));
      expect(lines.length).toBeGreaterThan(2);
      expect(lines.map((line) => line.message.content).join('')).toBe(whole.message.content);
      expect(lines.map((line) => line.done)).toEqual(lines.map((_, index) => index === lines.length - 1));
      expect(lines.at(-1)).toMatchObject({ done_reason: whole.done_reason, eval_count: whole.eval_count });
    });

    it('is held to num_predict and stop', async () => {
      const short = await client.chat({ ...fixed(), messages, options: { ...fixed().options, num_predict: 3 } });
      expect(short).toMatchObject({ done_reason: 'length', eval_count: 3 });
      const whole = (await client.chat({ ...fixed(), messages })).message.content;
      const stop = whole.slice(Math.floor(whole.length / 2)).slice(0, 4);
      const stopped = await client.chat({ ...fixed(), messages, options: { ...fixed().options, stop: [stop] } });
      expect(stopped.message.content).toBe(whole.slice(0, whole.indexOf(stop)));
    });

    it('gets a tool call, streamed or not, and an answer to its result', async () => {
      const asked = { ...fixed(), messages: [{ role: 'user', content: suite.toolQuestion }], tools: [WEATHER_TOOL] };
      const { message } = await client.chat(asked);
      expect(message.tool_calls).toMatchObject([{ function: { name: 'get_weather', arguments: { city: 'Paris' } } }]);
      const lines = await gather(await client.chat({ ...asked, stream: true }));
      expect(lines.flatMap((line) => line.message.tool_calls ?? []).map((call) => call.function.arguments)).toEqual([
        { city: 'Paris' },
      ]);
      const answer = await client.chat({
        ...asked,
        messages: [...asked.messages, message, { role: 'tool', tool_name: 'get_weather', content: '{"sky":"clear"}' }],
      });
      expect(answer.eval_count).toBeGreaterThan(0);
    });

    it('gets JSON, of a schema too', async () => {
      const options = { ...fixed().options, num_predict: 256 };
      const schema = {
        type: 'object',
        properties: { answer: { type: 'integer', minimum: 0, maximum: 99 } },
        required: ['answer'],
        additionalProperties: false,
      };
      const answer = await client.chat({ ...fixed(), options, messages, format: schema });
      expect(JSON.parse(answer.message.content)).toMatchObject({ answer: expect.any(Number) });
    });

    it('generates from a prompt, streamed or not, and goes on with a raw one', async () => {
      const whole = await client.generate({ ...fixed(), prompt: suite.question });
      expect(whole.response).toMatch(suite.answer);
      const lines: GenerateResponse[] = await gather(await client.generate({ ...fixed(), prompt: suite.question, stream: true }));
      expect(lines.map((line) => line.response).join('')).toBe(whole.response);
      const raw = await client.generate({ ...fixed(), prompt: 'Once upon a time', raw: true });
      expect(raw.eval_count).toBeGreaterThan(0);
    });

    it('asks whether a model is there', async () => {
      expect(await client.chat({ model: target.model })).toMatchObject({ done: true, done_reason: 'load' });
      expect(await client.generate({ model: target.model, prompt: '' })).toMatchObject({ done: true, done_reason: 'load' });
    });

    it('gets log probabilities', async () => {
      const request = { ...fixed(), messages, logprobs: true, top_logprobs: 2 };
      const { logprobs, eval_count: count } = await client.chat(request);
      expect(logprobs).toHaveLength(count);
      expect(logprobs?.[0]?.top_logprobs).toHaveLength(2);
      const lines = await gather(await client.chat({ ...request, stream: true }));
      expect(lines.flatMap((line) => line.logprobs ?? []).map(({ token }) => token)).toEqual(logprobs?.map(({ token }) => token));
    });

    it('gets an error with words for what is not there or not right', async () => {
      await expect(client.chat({ model: 'gpt-9', messages })).rejects.toMatchObject({
        status_code: 404,
        message: expect.stringContaining(target.model),
      });
      await expect(client.chat({ ...fixed(), messages, options: { temperature: 9 } })).rejects.toMatchObject({
        status_code: 400,
        message: expect.stringContaining('options.temperature'),
      });
      const long = [{ role: 'user', content: 'word '.repeat(target.contextTokens * 2) }];
      await expect(client.chat({ ...fixed(), messages: long })).rejects.toMatchObject({ status_code: 400 });
      await expect(client.chat({ ...fixed(), messages: long, stream: true })).rejects.toMatchObject({ status_code: 400 });
    });

    it('ends the generation when it aborts', async () => {
      const stream = await client.chat({ ...fixed(), messages, stream: true });
      const left = (async () => {
        for await (const _ of stream) stream.abort();
      })();
      // A short answer may have come whole before.
      await left.catch((error: unknown) => expect(error).toMatchObject({ name: 'AbortError' }));
      await expect.poll(() => target.activeGenerations(), { timeout: 5000, interval: 5 }).toBe(0);
    });
  });
}
