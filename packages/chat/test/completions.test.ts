import { DEFAULT_SAMPLER_SETTINGS } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { Harness } from './support/harness.ts';

const CONTROLS = ['<s>', '</s>', '<think>'];

describe('completions', () => {
  it('parses control tokens in the prompt and adds the begin token', async () => {
    const harness = new Harness({ controls: CONTROLS, begin: '<s>', addBegin: true });
    harness.speak(['ok']);
    await harness.complete({ prompt: 'a</s>b' });
    expect(harness.prompt).toBe('«<s>»a«</s>»b');
  });

  it('takes token ids as they are and echoes them', async () => {
    const harness = new Harness({ controls: CONTROLS, begin: '<s>', addBegin: true });
    harness.speak([' world']);
    const answer = await harness.complete({ prompt: [...Buffer.from('héllo')], echo: true });
    expect(harness.prompt).toBe('héllo');
    expect(answer.text).toBe('héllo world');
  });

  it.each([[[259]], [[-1]], [[1.5]]])('refuses token ids that the vocabulary has not: %j', async (prompt) => {
    const harness = new Harness({ controls: CONTROLS });
    await expect(harness.complete({ prompt })).rejects.toMatchObject({ name: 'InvalidInputError', path: 'prompt' });
  });

  it('begins from the begin token when the prompt is empty, or says that it cannot', async () => {
    const harness = new Harness({ controls: CONTROLS, begin: '<s>' });
    harness.speak(['ok']);
    await harness.complete({ prompt: '' });
    expect(harness.prompt).toBe('«<s>»');
    await expect(new Harness().complete({ prompt: '' })).rejects.toMatchObject({ name: 'InvalidInputError', path: 'prompt' });
  });

  it('reads the answer as plain text: no segments, control tokens unseen', async () => {
    const harness = new Harness({ controls: CONTROLS });
    harness.speak(['<tool_call>{"name":"f"}</tool_call>', { control: '<think>' }, '[TOOL_CALLS]']);
    const answer = await harness.complete();
    expect(answer.text).toBe('<tool_call>{"name":"f"}</tool_call>[TOOL_CALLS]');
    expect(answer.calls).toEqual([]);
    expect(answer.finish.reasoningTokens).toBeUndefined();
  });

  it('decides every sampler setting: the request, then the model, then the defaults', async () => {
    const harness = new Harness({ samplerDefaults: { temperature: 0.6, topK: 20 } });
    harness.speak(['x']);
    await harness.complete({ sampler: { temperature: 0.1, seed: 7 } });
    expect(harness.generator.requests[0]?.sampler).toEqual({ ...DEFAULT_SAMPLER_SETTINGS, temperature: 0.1, topK: 20, seed: 7 });
    await harness.complete();
    await harness.complete();
    const [, second, third] = harness.generator.requests;
    expect(second?.sampler.seed).not.toBe(third?.sampler.seed);
    expect(second).toMatchObject({ logprobs: -1, lane: 'interactive' });
  });

  it('lets the answer fill the context unless told otherwise', async () => {
    const harness = new Harness({ contextTokens: 50 });
    harness.speak(['x']);
    await harness.complete({ prompt: 'ten tokens' });
    await harness.complete({ prompt: 'ten tokens', maxTokens: 3 });
    expect(harness.generator.requests.map(({ maxTokens }) => maxTokens)).toEqual([40, 3]);
    await expect(harness.complete({ prompt: 'x'.repeat(50) })).rejects.toMatchObject({
      name: 'PromptTooLongError',
      promptTokens: 50,
      contextTokens: 50,
    });
  });

  it('generates nothing when no tokens are wanted', async () => {
    const harness = new Harness();
    const answer = await harness.complete({ prompt: 'abc', echo: true, maxTokens: 0 });
    expect(answer.text).toBe('abc');
    expect(answer.finish).toMatchObject({ reason: 'length', usage: { promptTokens: 3, generatedTokens: 0 } });
    expect(harness.generator.requests).toEqual([]);
  });

  it('bounds stop strings', async () => {
    const harness = new Harness();
    await expect(harness.complete({ stop: Array.from({ length: 33 }, () => 'x') })).rejects.toMatchObject({ path: 'stop' });
    await expect(harness.complete({ stop: ['x'.repeat(1025)] })).rejects.toMatchObject({ path: 'stop' });
  });

  it('shows what it serves', () => {
    expect(new Harness({ contextTokens: 64 }).model).toMatchObject({
      name: 'fake',
      createdMs: 5,
      architecture: 'llama',
      parameterCount: 7,
      fileBytes: 9,
      contextTokens: 64,
    });
  });
});

describe('log probabilities of the prompt', () => {
  it('come with its echo, each token forced after those before it', async () => {
    const harness = new Harness({ controls: CONTROLS, begin: '<s>', addBegin: true });
    harness.speak(['abc']);
    const answer = await harness.complete({ prompt: 'abc', echo: true, logprobs: 1, maxTokens: 0 });
    expect(answer.text).toBe('abc');
    expect(answer.logprobs.map(({ text, logprob }) => [text, logprob])).toEqual([
      ['a', -0.1],
      ['b', -0.2],
      ['c', -0.3],
    ]);
    const [scoring] = harness.generator.requests;
    expect(scoring).toMatchObject({
      maxTokens: 3,
      logprobs: 1,
      sampler: { temperature: 0, grammar: 'root ::= <[97]> <[98]> <[99]>\n' },
    });
    expect(harness.generator.requests).toHaveLength(1);
  });

  it('are unknown for the first of tokens that are given as they are', async () => {
    const harness = new Harness();
    harness.speak(['b']);
    const { logprobs } = await harness.complete({ prompt: [97, 98], echo: true, logprobs: 0, maxTokens: 0 });
    expect(logprobs.map(({ text, logprob }) => [text, logprob])).toEqual([
      ['a', Number.NaN],
      ['b', -0.1],
    ]);
  });

  it('are refused where the model cannot be made to say the prompt', async () => {
    const harness = new Harness();
    harness.speak(['x']);
    await expect(harness.complete({ prompt: 'ab', echo: true, logprobs: 0 })).rejects.toMatchObject({ path: 'prompt' });
    const long = harness.complete({ prompt: 'a'.repeat(16_386), echo: true, logprobs: 0 });
    await expect(long).rejects.toMatchObject({ path: 'logprobs' });
  });
});
