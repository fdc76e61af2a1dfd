import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import type { FunctionTool, Response, ResponseInput } from 'openai/resources/responses/responses';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientSuite, ClientTarget } from './support/targets.ts';

const WEATHER_TOOL: FunctionTool = {
  type: 'function',
  name: 'get_weather',
  description: 'Get the weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
  strict: true,
};

const callOf = (response: Response) => {
  const call = response.output.find((item) => item.type === 'function_call');
  if (call === undefined) throw new Error('There is no function call.');
  return call;
};

/** What users of the `openai` package's `responses` rely on; holds for the scripted model and for real ones alike. */
export function describeResponsesClient(suite: ClientSuite): void {
  describe(`the openai client's responses against ${suite.name}`, () => {
    let target: ClientTarget;
    let client: OpenAI;
    /** The same answer every time. */
    const fixed = () => ({ model: target.model, input: suite.question, temperature: 0, max_output_tokens: 64 });

    beforeAll(async () => {
      target = await suite.start();
      client = new OpenAI({ baseURL: `${target.url}/v1`, apiKey: 'unused', maxRetries: 0 });
    }, 120_000);

    afterAll(() => target.stop());

    it('gets a response with its text and usage', async () => {
      const response = await client.responses.create(fixed());
      expect(response.output_text).toMatch(suite.answer);
      expect(response).toMatchObject({ object: 'response', model: target.model, error: null });
      expect(response.usage?.total_tokens).toBe((response.usage?.input_tokens ?? 0) + (response.usage?.output_tokens ?? 0));
    });

    it('streams the same response', async () => {
      const whole = await client.responses.create(fixed());
      const stream = client.responses.stream(fixed());
      let text = '';
      const numbers: number[] = [];
      for await (const event of stream) {
        numbers.push(event.sequence_number);
        if (event.type === 'response.output_text.delta') text += event.delta;
      }
      expect(numbers).toEqual(numbers.map((_, index) => index));
      expect(text).toBe(whole.output_text);
      const final = await stream.finalResponse();
      expect(final.output_text).toBe(whole.output_text);
      expect(final.usage?.output_tokens).toBe(whole.usage?.output_tokens);
    });

    it('is held to the number of tokens it asks for', async () => {
      const response = await client.responses.create({ ...fixed(), max_output_tokens: 3 });
      expect(response).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
      expect(response.usage?.output_tokens).toBe(3);
    });

    it('gets a function call, streamed or not, and an answer to its output', async () => {
      const request = { ...fixed(), input: suite.toolQuestion, tools: [WEATHER_TOOL] };
      const response = await client.responses.create(request);
      const call = callOf(response);
      expect(call).toMatchObject({ name: 'get_weather', status: 'completed' });
      expect(JSON.parse(call.arguments)).toEqual({ city: 'Paris' });
      const streamed = await client.responses.stream(request).finalResponse();
      expect(callOf(streamed).arguments).toBe(call.arguments);

      const output: ResponseInput = [{ type: 'function_call_output', call_id: call.call_id, output: '{"sky":"clear"}' }];
      const goingOn = { ...request, input: output, previous_response_id: response.id };
      expect((await client.responses.create(goingOn)).usage?.output_tokens).toBeGreaterThan(0);
      const asked: ResponseInput = [{ role: 'user', content: suite.toolQuestion }];
      const whole = await client.responses.create({
        ...request,
        input: [...asked, ...(response.output as ResponseInput), ...output],
      });
      expect(whole.usage?.input_tokens).toBe((await client.responses.create(goingOn)).usage?.input_tokens);
    });

    it('can force a call', async () => {
      const response = await client.responses.create({
        ...fixed(),
        input: suite.toolQuestion,
        tools: [WEATHER_TOOL],
        tool_choice: 'required',
      });
      expect(JSON.parse(callOf(response).arguments)).toMatchObject({ city: expect.any(String) });
    });

    it('gets JSON of its schema', async () => {
      const response = await client.responses.create({
        ...fixed(),
        max_output_tokens: 256,
        text: {
          format: {
            type: 'json_schema',
            name: 'answer',
            strict: true,
            schema: {
              type: 'object',
              properties: { answer: { type: 'integer', minimum: 0, maximum: 99 } },
              required: ['answer'],
              additionalProperties: false,
            },
          },
        },
      });
      expect(JSON.parse(response.output_text)).toMatchObject({ answer: expect.any(Number) });
    });

    it('gets log probabilities', async () => {
      const response = await client.responses.create({
        ...fixed(),
        include: ['message.output_text.logprobs'],
        top_logprobs: 2,
      });
      const [item] = response.output;
      const content = item?.type === 'message' ? item.content[0] : undefined;
      const logprobs = content?.type === 'output_text' ? (content.logprobs ?? []) : [];
      expect(logprobs).toHaveLength(response.usage?.output_tokens ?? 0);
      expect(logprobs[0]?.top_logprobs).toHaveLength(2);
    });

    it('keeps a response until it is deleted, and goes on from it', async () => {
      const first = await client.responses.create({ ...fixed(), instructions: 'Be brief.' });
      expect(await client.responses.retrieve(first.id)).toMatchObject({ id: first.id, output: first.output });
      const items = [];
      for await (const item of client.responses.inputItems.list(first.id)) items.push(item);
      expect(items).toMatchObject([{ type: 'message', role: 'user', content: [{ text: suite.question }] }]);
      const second = await client.responses.create({ ...fixed(), previous_response_id: first.id });
      expect(second.previous_response_id).toBe(first.id);
      expect(second.usage?.input_tokens).toBeGreaterThan(first.usage?.input_tokens ?? 0);
      await client.responses.delete(first.id);
      await expect(client.responses.retrieve(first.id)).rejects.toBeInstanceOf(NotFoundError);
      await expect(client.responses.create({ ...fixed(), previous_response_id: first.id })).rejects.toBeInstanceOf(BadRequestError);
    });

    it('counts the tokens of its input', async () => {
      const { model, input } = fixed();
      const counted = await client.responses.inputTokens.count({ model, input });
      expect(counted.input_tokens).toBe((await client.responses.create(fixed())).usage?.input_tokens);
    });

    it('gets its errors for an unknown model and a wrong field', async () => {
      await expect(client.responses.create({ ...fixed(), model: 'gpt-9' })).rejects.toBeInstanceOf(NotFoundError);
      await expect(client.responses.create({ ...fixed(), temperature: 9 })).rejects.toMatchObject({ param: 'temperature' });
      const long = { ...fixed(), input: 'word '.repeat(target.contextTokens * 2) };
      await expect(client.responses.create(long)).rejects.toMatchObject({ code: 'context_length_exceeded', param: 'input' });
      await expect(client.responses.create({ ...long, stream: true })).rejects.toBeInstanceOf(BadRequestError);
    });

    it('ends the generation when it leaves', async () => {
      const stream = await client.responses.create({ ...fixed(), stream: true });
      for await (const event of stream) if (event.type === 'response.output_text.delta') break;
      await expect.poll(() => target.activeGenerations(), { timeout: 5000, interval: 5 }).toBe(0);
    });
  });
}
