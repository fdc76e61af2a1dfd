import { describe, expect, it } from 'vitest';
import { completion, completionChunk } from '../src/openai/schemas/responses.ts';
import { playing, logprobOf, SENTENCE } from './support/scripts.ts';
import { readEvents } from './support/sse.ts';
import { startGateway } from './support/test-gateway.ts';
import { usageOf } from './support/scripted-model.ts';
import type { Script } from './support/scripted-model.ts';

const PATH = '/v1/completions';

/** Says how likely it is: the seed picks the log probability. */
const scored: Script = async function* score(request) {
  const seed = request.kind === 'completion' ? (request.completion.sampler.seed ?? 0) : 0;
  const logprob = [-3, -1, -2][seed] ?? -9;
  yield { kind: 'text', text: `candidate ${seed}`, logprobs: [{ text: 'candidate', bytes: [], logprob, top: [] }] };
  yield { kind: 'finish', reason: 'stop', usage: usageOf(request, 1) };
};

describe('a completion', () => {
  it('has the shape of OpenAI', async () => {
    const { post } = await startGateway();
    const response = await post(PATH, { model: 'tiny', prompt: 'Tell me', max_tokens: 3 });
    const body = completion.strict().parse(await response.json());
    expect(body).toMatchObject({
      object: 'text_completion',
      choices: [{ text: 'Bees build their', index: 0, logprobs: null, finish_reason: 'length' }],
      usage: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 },
    });
    expect(body.id).toMatch(/^cmpl-/);
  });

  it.each([
    ['a text', 'Tell me', ['Tell me']],
    ['texts', ['Tell me', 'Or not'], ['Tell me', 'Or not']],
    ['token ids', [1, 2, 3], [[1, 2, 3]]],
    ['several lists of token ids', [[1, 2], [3]], [[1, 2], [3]]],
  ])('takes %s as prompt', async (_, prompt, prompts) => {
    const { post, model } = await startGateway();
    const body = completion.parse(await (await post(PATH, { model: 'tiny', prompt })).json());
    expect(body.choices.map((choice) => choice.index)).toEqual(prompts.map((_prompt, index) => index));
    expect(model.calls.map(({ request }) => request.kind === 'completion' && request.completion.prompt)).toEqual(prompts);
  });

  it('numbers the choices prompt by prompt and counts each prompt once', async () => {
    const { post, model } = await startGateway();
    const body = completion.parse(await (await post(PATH, { model: 'tiny', prompt: ['a b', 'c d e'], n: 2, seed: 5 })).json());
    expect(body.choices.map((choice) => choice.index)).toEqual([0, 1, 2, 3]);
    expect(model.calls.map(({ request }) => request.kind === 'completion' && request.completion.sampler.seed)).toEqual([
      5, 6, 5, 6,
    ]);
    expect(body.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 40, prompt_tokens_details: { cached_tokens: 2 } });
  });

  it('returns the likeliest of best_of, without log probabilities nobody asked for', async () => {
    const { post } = await startGateway({ script: scored });
    const body = completion.parse(await (await post(PATH, { model: 'tiny', prompt: 'x', n: 2, best_of: 3, seed: 0 })).json());
    expect(body.choices.map(({ text, logprobs }) => [text, logprobs])).toEqual([
      ['candidate 1', null],
      ['candidate 2', null],
    ]);
    expect(body.usage.completion_tokens).toBe(3);
  });

  it('echoes the prompt', async () => {
    const { post } = await startGateway();
    const body = completion.parse(await (await post(PATH, { model: 'tiny', prompt: 'Tell me: ', echo: true })).json());
    expect(body.choices[0]?.text).toBe(`Tell me: ${SENTENCE}`);
  });

  it('reports log probabilities with offsets in characters, echo and held-back text counted in', async () => {
    const events = [
      { kind: 'text', text: '😀 ' },
      { kind: 'text', text: 'Hé', logprobs: [logprobOf('H', 2), logprobOf('é', 2)] },
      { kind: 'text', text: '!', logprobs: [logprobOf('!', 0)] },
    ] as const;
    const { post } = await startGateway({ script: playing(events) });
    const expected = {
      text_offset: [2, 3, 4],
      tokens: ['H', 'é', '!'],
      token_logprobs: [-0.25, -0.25, -0.25],
      top_logprobs: [{ H: -0.25, ' other': -9999 }, { é: -0.25, ' other': -9999 }, {}],
    };
    const whole = completion.parse(await (await post(PATH, { model: 'tiny', prompt: 'x', logprobs: 2 })).json());
    expect(whole.choices[0]?.logprobs).toEqual(expected);
    const chunks = (await readEvents(await post(PATH, { model: 'tiny', prompt: 'x', logprobs: 2, stream: true })))
      .slice(0, -1)
      .map((data) => completionChunk.parse(JSON.parse(data)).choices[0]?.logprobs);
    expect(chunks.flatMap((logprobs) => logprobs?.text_offset ?? [])).toEqual(expected.text_offset);
  });

  it.each([
    [{}, 'prompt', 'missing_required_parameter'],
    [{ prompt: null }, 'prompt', 'missing_required_parameter'],
    [{ prompt: 5 }, 'prompt', 'invalid_type'],
    [{ prompt: [] }, 'prompt', 'empty_array'],
    [{ prompt: [[]] }, 'prompt[0]', 'empty_array'],
    [{ prompt: [1, 'a'] }, 'prompt[1]', 'invalid_type'],
    [{ prompt: [-1] }, 'prompt[0]', 'invalid_type'],
    [{ prompt: ['a', 1] }, 'prompt[1]', 'invalid_type'],
    [{ prompt: [[1], [2.5]] }, 'prompt[1][0]', 'invalid_type'],
    [{ prompt: Array.from({ length: 129 }, () => 'a') }, 'prompt', 'array_above_max_length'],
    [{ prompt: Array.from({ length: 128 }, () => 'a'), n: 2 }, 'prompt', 'array_above_max_length'],
    [{ prompt: 'a', n: 2, best_of: 1 }, 'best_of', 'invalid_value'],
    [{ prompt: 'a', best_of: 2, stream: true }, 'best_of', 'invalid_value'],
    [{ prompt: 'a', logprobs: true }, 'logprobs', 'invalid_type'],
    [{ prompt: 'word '.repeat(3000) }, 'prompt', 'context_length_exceeded'],
  ])('%# names the field and the fault of a wrong request', async (fields, param, code) => {
    const { post } = await startGateway();
    const response = await post(PATH, { model: 'tiny', ...fields });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param, code } });
  });

  it('runs no more than a few generations of one request at once', async () => {
    const peak = { now: 0, most: 0 };
    const { post, idle } = await startGateway({
      limits: { parallelGenerations: 3 },
      script: async function* count(request) {
        peak.now++;
        peak.most = Math.max(peak.most, peak.now);
        await new Promise((resolve) => setImmediate(resolve));
        peak.now--;
        yield { kind: 'finish', reason: 'stop', usage: usageOf(request, 0) };
      },
    });
    const body = completion.parse(
      await (await post(PATH, { model: 'tiny', prompt: Array.from({ length: 10 }, () => 'a') })).json(),
    );
    expect(body.choices).toHaveLength(10);
    expect(peak.most).toBe(3);
    await idle();
  });
});

describe('a streamed completion', () => {
  it('sends text chunks, the finish reason, the usage when asked, and [DONE]', async () => {
    const { post } = await startGateway();
    const request = { model: 'tiny', prompt: 'Tell me', max_tokens: 2, stream: true, stream_options: { include_usage: true } };
    const events = await readEvents(await post(PATH, request));
    expect(events.at(-1)).toBe('[DONE]');
    const chunks = events.slice(0, -1).map((data) => completionChunk.strict().parse(JSON.parse(data)));
    expect(chunks.map((chunk) => chunk.choices)).toEqual([
      [{ text: 'Bees', index: 0, logprobs: null, finish_reason: null }],
      [{ text: ' build', index: 0, logprobs: null, finish_reason: null }],
      [{ text: '', index: 0, logprobs: null, finish_reason: 'length' }],
      [],
    ]);
    expect(chunks.map((chunk) => chunk.usage ?? null)).toEqual([
      null,
      null,
      null,
      expect.objectContaining({ completion_tokens: 2 }),
    ]);
    expect(chunks[2]?.timings).toMatchObject({ predicted_n: 2 });
  });
});
