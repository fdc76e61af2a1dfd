import Anthropic, { BadRequestError, NotFoundError } from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientSuite, ClientTarget } from './support/targets.ts';

const WEATHER_TOOL: Anthropic.Tool = {
  name: 'get_weather',
  description: 'Get the weather of a city',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

const textOf = (message: Anthropic.Message): string =>
  message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');

/** What users of the `@anthropic-ai/sdk` package rely on; holds for the scripted model and for real ones alike. */
export function describeAnthropicClient(suite: ClientSuite): void {
  describe(`the anthropic client against ${suite.name}`, () => {
    let target: ClientTarget;
    let client: Anthropic;
    /** The same answer every time. */
    const fixed = () => ({
      model: target.model,
      max_tokens: 64,
      temperature: 0,
      messages: [{ role: 'user' as const, content: suite.question }],
    });

    beforeAll(async () => {
      target = await suite.start();
      client = new Anthropic({ baseURL: target.url, apiKey: 'unused', maxRetries: 0 });
    }, 120_000);

    afterAll(() => target.stop());

    it('lists and finds the models', async () => {
      const ids: string[] = [];
      for await (const model of client.models.list()) ids.push(model.id);
      expect(ids).toContain(target.model);
      expect(await client.models.retrieve(target.model)).toMatchObject({ id: target.model, type: 'model' });
    });

    it('gets a message with its usage and request id', async () => {
      const message = await client.messages.create(fixed());
      expect(message).toMatchObject({ type: 'message', role: 'assistant', model: target.model });
      expect(textOf(message)).toMatch(suite.answer);
      expect(['end_turn', 'max_tokens']).toContain(message.stop_reason);
      expect(message.usage.output_tokens).toBeGreaterThan(0);
      expect(message._request_id).toBeTruthy();
    });

    it('streams the same message, event after event in their order', async () => {
      const whole = await client.messages.create(fixed());
      const types: string[] = [];
      let text = '';
      for await (const event of await client.messages.create({ ...fixed(), stream: true })) {
        if (types.at(-1) !== event.type) types.push(event.type);
        if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
        if (event.type === 'message_start') expect(event.message.usage.input_tokens).toBeGreaterThanOrEqual(0);
        if (event.type === 'message_delta') expect(event.usage.output_tokens).toBe(whole.usage.output_tokens);
      }
      expect(types).toEqual([
        'message_start',
        'content_block_start',
        'content_block_delta',
        'content_block_stop',
        'message_delta',
        'message_stop',
      ]);
      expect(text).toBe(textOf(whole));
      const final = await client.messages.stream(fixed()).finalMessage();
      expect(final.content).toEqual(whole.content);
      expect(final.stop_reason).toBe(whole.stop_reason);
    });

    it('is held to its tokens and its stop sequences', async () => {
      const short = await client.messages.create({ ...fixed(), max_tokens: 3 });
      expect(short).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 3 } });
      const whole = textOf(await client.messages.create(fixed()));
      const stop = whole.slice(Math.floor(whole.length / 2)).slice(0, 4);
      const stopped = await client.messages.create({ ...fixed(), stop_sequences: [stop] });
      expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: stop });
      expect(textOf(stopped)).toBe(whole.slice(0, whole.indexOf(stop)));
    });

    it('takes system prompts as text or blocks, and messages as blocks', async () => {
      const message = await client.messages.create({
        ...fixed(),
        system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
        messages: [{ role: 'user', content: [{ type: 'text', text: suite.question }] }],
      });
      expect(message.usage.output_tokens).toBeGreaterThan(0);
      await client.messages.create({ ...fixed(), system: 'Be brief.' });
    });

    it('gets a tool call, streamed or not, and an answer to its result', async () => {
      const request = { ...fixed(), messages: [{ role: 'user' as const, content: suite.toolQuestion }], tools: [WEATHER_TOOL] };
      const message = await client.messages.create(request);
      expect(message.stop_reason).toBe('tool_use');
      const call = message.content.find((block) => block.type === 'tool_use');
      if (call === undefined) throw new Error('There is no tool call.');
      expect(call).toMatchObject({ name: 'get_weather', input: { city: 'Paris' } });
      expect(call.id).toBeTruthy();

      const stream = client.messages.stream(request);
      const pieces: string[] = [];
      stream.on('inputJson', (piece) => pieces.push(piece));
      const streamed = await stream.finalMessage();
      expect(streamed.content.find((block) => block.type === 'tool_use')?.input).toEqual(call.input);
      expect(JSON.parse(pieces.join(''))).toEqual(call.input);

      const answer = await client.messages.create({
        ...request,
        messages: [
          ...request.messages,
          { role: 'assistant', content: message.content },
          {
            role: 'user',
            content: [{ type: 'tool_result', tool_use_id: call.id, content: [{ type: 'text', text: '{"sky":"clear"}' }] }],
          },
        ],
      });
      expect(answer.usage.output_tokens).toBeGreaterThan(0);
    });

    it('can force a call of a tool, or of none', async () => {
      const forced = await client.messages.create({
        ...fixed(),
        messages: [{ role: 'user', content: suite.toolQuestion }],
        tools: [WEATHER_TOOL],
        tool_choice: { type: 'tool', name: 'get_weather' },
      });
      expect(forced.content.find((block) => block.type === 'tool_use')).toMatchObject({ name: 'get_weather' });
      const none = await client.messages.create({ ...fixed(), tools: [WEATHER_TOOL], tool_choice: { type: 'none' } });
      expect(none.content.some((block) => block.type === 'tool_use')).toBe(false);
    });

    it('gets JSON of its schema', async () => {
      const message = await client.messages.create({
        ...fixed(),
        max_tokens: 256,
        output_config: {
          format: {
            type: 'json_schema',
            schema: {
              type: 'object',
              properties: { answer: { type: 'integer', minimum: 0, maximum: 99 } },
              required: ['answer'],
              additionalProperties: false,
            },
          },
        },
      });
      expect(JSON.parse(textOf(message))).toMatchObject({ answer: expect.any(Number) });
    });

    it('counts the tokens that the message then has', async () => {
      const { max_tokens: _, temperature: __, ...prompt } = fixed();
      const counted = await client.messages.countTokens(prompt);
      const { usage } = await client.messages.create(fixed());
      expect(counted.input_tokens).toBe(usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
    });

    it('gets its errors for an unknown model, a wrong field and a prompt that is too long', async () => {
      const unknown = await client.messages.create({ ...fixed(), model: 'claude-9' }).catch((error: unknown) => error);
      expect(unknown).toBeInstanceOf(NotFoundError);
      expect(unknown).toMatchObject({ status: 404, type: 'not_found_error', error: { type: 'error' } });
      const wrong = await client.messages.create({ ...fixed(), max_tokens: 0 }).catch((error: unknown) => error);
      expect(wrong).toBeInstanceOf(BadRequestError);
      expect(wrong).toMatchObject({ type: 'invalid_request_error', message: expect.stringContaining('max_tokens') });
      for (const stream of [false, true]) {
        const content = 'word '.repeat(target.contextTokens * 2);
        const long = await client.messages
          .create({ ...fixed(), messages: [{ role: 'user', content }], stream })
          .catch((error: unknown) => error);
        expect(long).toBeInstanceOf(BadRequestError);
        expect(long).toMatchObject({ message: expect.stringContaining('prompt is too long') });
      }
    });

    it('ends the generation when it leaves', async () => {
      const stream = await client.messages.create({ ...fixed(), stream: true });
      for await (const event of stream) if (event.type === 'content_block_delta') break;
      await expect.poll(() => target.activeGenerations(), { timeout: 5000, interval: 5 }).toBe(0);
    });
  });
}
