import Anthropic from '@anthropic-ai/sdk';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demo, type ClientTarget } from './support/targets.ts';

/** What is asked, and the answers that rings of one and of three stages give to it. */
const suites = [demo(1), demo(3)];
const QUESTIONS = ['What is pippa-agent?', 'What is a ring?', 'Which port does it use?', 'Tell me about bees, please.'];
const SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string', maxLength: 12 }, degrees: { type: 'integer', minimum: -50, maximum: 50 } },
  required: ['city', 'degrees'],
  additionalProperties: false,
};

let targets: ClientTarget[];
beforeAll(async () => {
  targets = await Promise.all(suites.map((suite) => suite.start()));
}, 120_000);
afterAll(() => Promise.all(targets.map((target) => target.stop())));

/** Asks both rings, and says what both say. */
async function both<Answer>(ask: (target: ClientTarget) => Promise<Answer>): Promise<Answer> {
  const [one, three] = await Promise.all(targets.map(ask));
  expect(three).toEqual(one);
  return one as Answer;
}

const openAi = ({ url }: ClientTarget) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused', maxRetries: 0 });

describe('one stage and three say the same', () => {
  it.each(QUESTIONS)('to "%s", most likely or drawn, through every API', async (question) => {
    for (const temperature of [0, 1.5]) {
      const messages = [{ role: 'user' as const, content: question }];
      const chat = await both(async (target) => {
        const request = {
          model: target.model,
          messages,
          temperature,
          seed: 7,
          max_completion_tokens: 40,
          logprobs: true,
          top_logprobs: 3,
        };
        const [choice] = (await openAi(target).chat.completions.create(request)).choices;
        return { message: choice?.message.content, reason: choice?.finish_reason, logprobs: choice?.logprobs };
      });
      expect(chat.message).toBeTruthy();
      const response = await both(async (target) => {
        const request = { model: target.model, input: question, temperature, max_output_tokens: 40, seed: 7 };
        return (await openAi(target).responses.create(request)).output_text;
      });
      expect(response).toBe(chat.message);
      const ollama = await both(async ({ url, model }) => {
        const options = { temperature, seed: 7, num_predict: 40 };
        return (await new Ollama({ host: url }).chat({ model, messages, options })).message.content;
      });
      expect(ollama).toBe(chat.message);
    }
    const anthropic = await both(async ({ url, model }) => {
      const client = new Anthropic({ baseURL: url, apiKey: 'unused', maxRetries: 0 });
      const request = { model, max_tokens: 40, temperature: 0, messages: [{ role: 'user' as const, content: question }] };
      return (await client.messages.create(request)).content;
    });
    expect(anthropic).toHaveLength(1);
  });

  it('where a schema holds them', async () => {
    const text = await both(async (target) => {
      const request = {
        model: target.model,
        messages: [{ role: 'user' as const, content: 'What is the weather in Paris?' }],
        temperature: 1,
        seed: 3,
        max_completion_tokens: 200,
        response_format: { type: 'json_schema' as const, json_schema: { name: 'weather', strict: true, schema: SCHEMA } },
      };
      const completion = await openAi(target).chat.completions.create(request);
      return completion.choices[0]?.message.content ?? '';
    });
    expect(JSON.parse(text)).toMatchObject({ city: expect.any(String), degrees: expect.any(Number) });
  });

  it('of how likely a text is, and that is how likely it was to be said', async () => {
    const scored = await both(async (target) => {
      const { completions } = openAi(target);
      const asked = { model: target.model, temperature: 0, logprobs: 2 };
      const [said] = (await completions.create({ ...asked, prompt: 'The agent', max_tokens: 8 })).choices;
      const prompt = `The agent${said?.text ?? ''}`;
      const [echoed] = (await completions.create({ ...asked, prompt, echo: true, max_tokens: 0 })).choices;
      return { said: said?.logprobs, echoed: echoed?.logprobs, text: echoed?.text, prompt };
    });
    expect(scored.text).toBe(scored.prompt);
    const { tokens = [], token_logprobs: logprobs = [] } = scored.echoed ?? {};
    const said = scored.said?.tokens?.length ?? 0;
    expect(tokens.slice(-said)).toEqual(scored.said?.tokens);
    for (const [index, logprob] of logprobs.slice(-said).entries()) {
      // In one batch or token by token: the same but for rounding.
      expect(logprob).toBeCloseTo(scored.said?.token_logprobs?.[index] ?? 0, 2);
    }
    expect(tokens.length).toBeGreaterThan(said);
  });

  it('as several answers, and as plain text', async () => {
    const texts = await both(async (target) => {
      const request = { model: target.model, prompt: ['The agent', 'A ring'], n: 3, temperature: 1, seed: 5, max_tokens: 20 };
      return (await openAi(target).completions.create(request)).choices.map((choice) => choice.text);
    });
    expect(new Set(texts).size).toBeGreaterThan(3);
  });
});
