import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateText, jsonSchema, Output, streamText, type ModelMessage, type ToolSet } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientSuite, ClientTarget } from './support/targets.ts';

const TOOLS: ToolSet = {
  get_weather: {
    description: 'Get the weather of a city',
    inputSchema: jsonSchema({
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
      additionalProperties: false,
    }),
  },
};

/** What users of the `ai` package rely on; holds for the scripted model and for real ones alike. */
export function describeAiSdk(suite: ClientSuite): void {
  describe(`the AI SDK against ${suite.name}`, () => {
    let target: ClientTarget;
    /** The same answer every time. */
    const fixed = () => {
      const provider = createOpenAICompatible({
        name: 'pippa',
        baseURL: `${target.url}/v1`,
        includeUsage: true,
        supportsStructuredOutputs: true,
      });
      return { model: provider(target.model), temperature: 0, seed: 1, maxOutputTokens: 64, maxRetries: 0 };
    };

    beforeAll(async () => {
      target = await suite.start();
    }, 120_000);

    afterAll(() => target.stop());

    it('generates a text with its usage', async () => {
      const { text, usage, finishReason } = await generateText({ ...fixed(), prompt: suite.question });
      expect(text).toMatch(suite.answer);
      expect(['stop', 'length']).toContain(finishReason);
      expect(usage.outputTokens).toBeGreaterThan(0);
      expect(usage.totalTokens).toBe((usage.inputTokens ?? 0) + (usage.outputTokens ?? 0));
    });

    it('streams the same text with the same usage', async () => {
      const whole = await generateText({ ...fixed(), prompt: suite.question });
      const stream = streamText({ ...fixed(), prompt: suite.question });
      let text = '';
      for await (const piece of stream.textStream) text += piece;
      expect(text).toBe(whole.text);
      expect((await stream.usage).outputTokens).toBe(whole.usage.outputTokens);
      expect(await stream.finishReason).toBe(whole.finishReason);
    });

    it('stops where it is told', async () => {
      const { text } = await generateText({ ...fixed(), prompt: suite.question });
      const stop = text.slice(Math.floor(text.length / 2)).slice(0, 4);
      const stopped = await generateText({ ...fixed(), prompt: suite.question, stopSequences: [stop] });
      expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)));
      const short = await generateText({ ...fixed(), prompt: suite.question, maxOutputTokens: 3 });
      expect(short).toMatchObject({ finishReason: 'length', usage: { outputTokens: 3 } });
    });

    it('calls a tool, streamed or not, and answers its result', async () => {
      const asked = { ...fixed(), prompt: suite.toolQuestion, tools: TOOLS };
      const { toolCalls, finishReason, finalStep } = await generateText(asked);
      expect(finishReason).toBe('tool-calls');
      expect(toolCalls).toMatchObject([{ toolName: 'get_weather', input: { city: 'Paris' } }]);
      const stream = streamText(asked);
      const parts: string[] = [];
      for await (const part of stream.stream) if (parts.at(-1) !== part.type) parts.push(part.type);
      expect(parts).toEqual(
        expect.arrayContaining(['tool-input-start', 'tool-input-delta', 'tool-input-end', 'tool-call', 'finish']),
      );
      expect((await stream.toolCalls).map(({ input }) => input)).toEqual([{ city: 'Paris' }]);

      const messages: ModelMessage[] = [
        { role: 'user', content: suite.toolQuestion },
        ...finalStep.response.messages,
        {
          role: 'tool',
          content: [
            {
              type: 'tool-result',
              toolCallId: toolCalls[0]?.toolCallId ?? '',
              toolName: 'get_weather',
              output: { type: 'json', value: { sky: 'clear' } },
            },
          ],
        },
      ];
      const { prompt: _, ...rest } = asked;
      expect((await generateText({ ...rest, messages })).usage.outputTokens).toBeGreaterThan(0);
    });

    it('can be made to call a tool', async () => {
      const { toolCalls } = await generateText({
        ...fixed(),
        prompt: suite.toolQuestion,
        tools: TOOLS,
        toolChoice: { type: 'tool', toolName: 'get_weather' },
      });
      expect(toolCalls).toMatchObject([{ toolName: 'get_weather', input: { city: expect.any(String) } }]);
    });

    it('generates an object of a schema, streamed or not', async () => {
      const schema = jsonSchema<{ answer: number }>({
        type: 'object',
        properties: { answer: { type: 'integer', minimum: 0, maximum: 99 } },
        required: ['answer'],
        additionalProperties: false,
      });
      const asked = { ...fixed(), maxOutputTokens: 256, prompt: suite.question, output: Output.object({ schema }) };
      const { output } = await generateText(asked);
      expect(output).toMatchObject({ answer: expect.any(Number) });
      const stream = streamText(asked);
      expect(await stream.output).toEqual(output);
    });

    it('gets the errors of the server', async () => {
      const failure = await generateText({ ...fixed(), prompt: 'word '.repeat(target.contextTokens * 2) }).catch(
        (error: unknown) => error,
      );
      expect(failure).toBeInstanceOf(APICallError);
      expect(failure).toMatchObject({ statusCode: 400, message: expect.stringContaining('tokens') });
    });

    it('ends the generation when it aborts', async () => {
      const controller = new AbortController();
      const stream = streamText({ ...fixed(), prompt: suite.question, abortSignal: controller.signal });
      for await (const _ of stream.textStream) controller.abort();
      await expect.poll(() => target.activeGenerations(), { timeout: 5000, interval: 5 }).toBe(0);
    });
  });
}
