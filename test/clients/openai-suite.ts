import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import type { ChatCompletionFunctionTool, ChatCompletionMessageParam, ChatCompletionTool } from 'openai/resources/chat/completions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientSuite, ClientTarget } from './support/targets.ts';

const WEATHER_TOOL: ChatCompletionFunctionTool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

/** What users of the `openai` package rely on; holds for the scripted model and for real ones alike. */
export function describeOpenAiClient(suite: ClientSuite): void {
  describe(`the openai client against ${suite.name}`, () => {
    let target: ClientTarget;
    let client: OpenAI;
    const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: suite.question }];
    /** The same answer every time. */
    const fixed = () => ({ model: target.model, messages, temperature: 0, seed: 1, max_completion_tokens: 48 });

    beforeAll(async () => {
      target = await suite.start();
      client = new OpenAI({ baseURL: `${target.url}/v1`, apiKey: 'unused', maxRetries: 0 });
    }, 120_000);

    afterAll(() => target.stop());

    it('lists and finds the models', async () => {
      const ids: string[] = [];
      for await (const model of client.models.list()) ids.push(model.id);
      expect(ids).toContain(target.model);
      expect(await client.models.retrieve(target.model)).toMatchObject({ id: target.model, object: 'model' });
    });

    it('gets an answer with its usage', async () => {
      const { data: completion, response } = await client.chat.completions.create(fixed()).withResponse();
      expect(completion.choices).toHaveLength(1);
      const [choice] = completion.choices;
      expect(choice?.message).toMatchObject({ role: 'assistant', content: expect.stringMatching(suite.answer) });
      expect(['stop', 'length']).toContain(choice?.finish_reason);
      const { usage } = completion;
      expect(usage?.prompt_tokens).toBeGreaterThan(0);
      expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0));
      expect(response.headers.get('x-request-id')).toBeTruthy();
    });

    it('streams the same answer', async () => {
      const whole = await client.chat.completions.create(fixed());
      const stream = await client.chat.completions.create({ ...fixed(), stream: true, stream_options: { include_usage: true } });
      let text = '';
      let role: string | undefined;
      let finishReason: string | null | undefined;
      let usage: OpenAI.CompletionUsage | null | undefined;
      for await (const chunk of stream) {
        const [choice] = chunk.choices;
        role ??= choice?.delta.role;
        text += choice?.delta.content ?? '';
        finishReason = choice?.finish_reason ?? finishReason;
        usage = chunk.usage ?? usage;
      }
      expect(role).toBe('assistant');
      expect(text).toBe(whole.choices[0]?.message.content);
      expect(finishReason).toBe(whole.choices[0]?.finish_reason);
      expect(usage).toMatchObject({ completion_tokens: whole.usage?.completion_tokens, prompt_tokens: whole.usage?.prompt_tokens });
    });

    it('streams through its helper', async () => {
      const stream = client.chat.completions.stream(fixed());
      const deltas: string[] = [];
      stream.on('content', (delta) => deltas.push(delta));
      const final = await stream.finalChatCompletion();
      expect(deltas.length).toBeGreaterThan(1);
      expect(final.choices[0]?.message.content).toBe(deltas.join(''));
    });

    it('gets n answers, the same for the same seed', async () => {
      const ask = async () => {
        const completion = await client.chat.completions.create({ ...fixed(), temperature: 1, n: 3 });
        return completion.choices.map(({ index, message }) => [index, message.content]);
      };
      const first = await ask();
      expect(first.map(([index]) => index)).toEqual([0, 1, 2]);
      expect(await ask()).toEqual(first);
    });

    it('is held to the number of tokens it asks for', async () => {
      const completion = await client.chat.completions.create({ ...fixed(), max_completion_tokens: 3 });
      expect(completion.choices[0]?.finish_reason).toBe('length');
      expect(completion.usage?.completion_tokens).toBe(3);
    });

    it('stops before a stop string', async () => {
      const whole = (await client.chat.completions.create(fixed())).choices[0]?.message.content ?? '';
      const stop = whole.slice(Math.floor(whole.length / 2)).slice(0, 4);
      const completion = await client.chat.completions.create({ ...fixed(), stop });
      expect(completion.choices[0]).toMatchObject({
        finish_reason: 'stop',
        message: { content: whole.slice(0, whole.indexOf(stop)) },
      });
    });

    it('gets log probabilities of every token, streamed or not', async () => {
      const request = { ...fixed(), logprobs: true, top_logprobs: 2, max_completion_tokens: 5 };
      const completion = await client.chat.completions.create(request);
      const whole = completion.choices[0]?.logprobs?.content ?? [];
      expect(whole).toHaveLength(5);
      expect(Buffer.from(whole.flatMap(({ bytes }) => bytes ?? [])).toString()).toContain(
        completion.choices[0]?.message.content ?? '',
      );
      for (const { logprob, top_logprobs: top } of whole) {
        expect(logprob).toBeLessThanOrEqual(0);
        expect(top).toHaveLength(2);
      }
      const streamed: string[] = [];
      for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) {
        for (const { token } of chunk.choices[0]?.logprobs?.content ?? []) streamed.push(token);
      }
      expect(streamed).toEqual(whole.map(({ token }) => token));
    });

    it('gets a JSON object when it asks for one', async () => {
      const completion = await client.chat.completions.create({
        ...fixed(),
        max_completion_tokens: 256,
        response_format: {
          type: 'json_schema',
          json_schema: {
            name: 'answer',
            schema: { type: 'object', properties: { answer: { type: 'integer', maximum: 99, minimum: 0 } }, required: ['answer'] },
          },
        },
      });
      expect(JSON.parse(completion.choices[0]?.message.content ?? '')).toMatchObject({ answer: expect.any(Number) });
    });

    it('gets a tool call, streamed or not, and an answer to its result', async () => {
      const request = {
        ...fixed(),
        messages: [{ role: 'user' as const, content: suite.toolQuestion }],
        tools: [WEATHER_TOOL],
      };
      const completion = await client.chat.completions.create(request);
      const message = completion.choices[0]?.message;
      const [call] = message?.tool_calls ?? [];
      expect(completion.choices[0]?.finish_reason).toBe('tool_calls');
      if (message === undefined || call?.type !== 'function') throw new Error('There is no tool call.');
      expect(call.id).not.toBe('');
      expect(call.function.name).toBe('get_weather');
      expect(JSON.parse(call.function.arguments)).toMatchObject({ city: expect.any(String) });

      const streamed = await client.chat.completions.stream(request).finalChatCompletion();
      const [streamedCall] = streamed.choices[0]?.message.tool_calls ?? [];
      expect(streamedCall?.type === 'function' ? streamedCall.function : undefined).toMatchObject({
        name: 'get_weather',
        arguments: call.function.arguments,
      });

      const followUp = [...request.messages, message, { role: 'tool' as const, tool_call_id: call.id, content: '{"sky":"clear"}' }];
      const answer = await client.chat.completions.create({ ...request, messages: followUp });
      expect(answer.choices[0]?.message.content).toBeTruthy();
    });

    it('gets a call of a strict tool like any other', async () => {
      const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: suite.toolQuestion }];
      const strict = { ...WEATHER_TOOL, function: { ...WEATHER_TOOL.function, strict: true } };
      const { choices } = await client.chat.completions.create({ ...fixed(), messages, tools: [strict] });
      const [call] = choices[0]?.message.tool_calls ?? [];
      expect(call?.type === 'function' && JSON.parse(call.function.arguments)).toEqual({ city: 'Paris' });
      const allowed = { mode: 'required' as const, tools: [{ type: 'function', function: { name: 'get_weather' } }] };
      const other: ChatCompletionTool = { type: 'function', function: { name: 'other' } };
      const required = await client.chat.completions.create({
        ...fixed(),
        messages,
        tools: [other, strict],
        tool_choice: { type: 'allowed_tools', allowed_tools: allowed },
      });
      const [forced] = required.choices[0]?.message.tool_calls ?? [];
      expect(forced?.type === 'function' && forced.function.name).toBe('get_weather');
    });

    it('continues a text, streamed or not', async () => {
      const request = { model: target.model, prompt: 'Once upon a time', temperature: 0, seed: 1, max_tokens: 5 };
      const completion = await client.completions.create({ ...request, logprobs: 1 });
      expect(completion.choices[0]?.text).toBeTruthy();
      expect(completion.choices[0]?.logprobs?.token_logprobs).toHaveLength(completion.usage?.completion_tokens ?? 0);
      let text = '';
      for await (const chunk of await client.completions.create({ ...request, stream: true })) text += chunk.choices[0]?.text ?? '';
      expect(text).toBe(completion.choices[0]?.text);
      const echoed = await client.completions.create({ ...request, prompt: ['Once upon a time', 'The end'], echo: true });
      expect(echoed.choices.map((choice) => choice.text.startsWith(['Once upon a time', 'The end'][choice.index] ?? '?'))).toEqual([
        true,
        true,
      ]);
    });

    it('gets its NotFoundError with the models there are', async () => {
      const failure = await client.chat.completions.create({ ...fixed(), model: 'gpt-9' }).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(NotFoundError);
      expect(failure).toMatchObject({
        status: 404,
        code: 'model_not_found',
        param: 'model',
        message: expect.stringContaining(target.model),
      });
      await expect(client.models.retrieve('gpt-9')).rejects.toBeInstanceOf(NotFoundError);
    });

    it('gets its BadRequestError for a wrong field', async () => {
      const failure = await client.chat.completions.create({ ...fixed(), temperature: 9 }).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(BadRequestError);
      expect(failure).toMatchObject({ status: 400, type: 'invalid_request_error', param: 'temperature' });
    });

    it.each([false, true])('gets its BadRequestError for a prompt longer than the context, stream %s', async (stream) => {
      const content = 'word '.repeat(target.contextTokens * 2);
      const request = { ...fixed(), messages: [{ role: 'user' as const, content }], stream };
      const failure = await client.chat.completions.create(request).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(BadRequestError);
      expect(failure).toMatchObject({ code: 'context_length_exceeded', param: 'messages' });
    });

    it.each(['abort', 'break'])('ends the generation when it leaves by %s', async (way) => {
      // `ignore_eos` is no field of OpenAI: without it the model would end by itself.
      const endless = { ...fixed(), max_completion_tokens: null, ignore_eos: true };
      const stream = await client.chat.completions.create({ ...endless, stream: true });
      for await (const chunk of stream) {
        if ((chunk.choices[0]?.delta.content ?? '') === '') continue;
        expect(target.activeGenerations()).toBe(1);
        if (way === 'break') break;
        stream.controller.abort();
      }
      await expect.poll(() => target.activeGenerations(), { timeout: 5000, interval: 5 }).toBe(0);
    });

    it('asks many times at once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 16 }, () => client.chat.completions.create({ ...fixed(), max_completion_tokens: 8 })),
      );
      expect(answers.every((answer) => (answer.usage?.completion_tokens ?? 0) > 0)).toBe(true);
      expect(target.activeGenerations()).toBe(0);
    });
  });
}
