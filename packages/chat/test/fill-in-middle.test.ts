import { describe, expect, it } from 'vitest';
import { chatRequest, Harness } from './support/harness.ts';
import { CHATML_CONTROLS, DEEPSEEK_CONTROLS, DEEPSEEK_R1_TEMPLATE, QWEN_TEMPLATE } from './support/templates.ts';

const QWEN = ['<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'];
const CODESTRAL = ['[SUFFIX]', '[PREFIX]', '<s>'];

describe('filling in the middle', () => {
  it('puts both texts where the model was taught to find them', async () => {
    const qwen = new Harness({ controls: QWEN });
    qwen.speak([' + b']);
    const answer = await qwen.complete({ prompt: 'return a', suffix: ';\n}' });
    expect(qwen.prompt).toBe('«<|fim_prefix|>»return a«<|fim_suffix|>»;\n}«<|fim_middle|>»');
    expect(answer.text).toBe(' + b');

    const codestral = new Harness({ controls: CODESTRAL, begin: '<s>', addBegin: true });
    await codestral.complete({ prompt: 'return a', suffix: ';' });
    expect(codestral.prompt).toBe('«<s>»«[SUFFIX]»;«[PREFIX]»return a');
  });

  it('takes control texts in a file as text', async () => {
    const harness = new Harness({ controls: QWEN });
    await harness.complete({ prompt: 'a = "<|fim_middle|>"', suffix: '' });
    expect(harness.prompt).toBe('«<|fim_prefix|>»a = "<|fim_middle|>"«<|fim_suffix|>»«<|fim_middle|>»');
  });

  it('is refused where the vocabulary has no tokens for it', async () => {
    const refused = new Harness({ controls: ['<|fim_prefix|>', '<|fim_suffix|>'] }).complete({ prompt: 'a', suffix: 'b' });
    await expect(refused).rejects.toMatchObject({ name: 'InvalidInputError', path: 'suffix' });
    const tokens = new Harness({ controls: QWEN }).complete({ prompt: [1, 2], suffix: 'b' });
    await expect(tokens).rejects.toMatchObject({ name: 'InvalidInputError', path: 'prompt' });
  });
});

describe('what a model says of itself', () => {
  it('tells tools, reasoning and filling in', async () => {
    const qwen = new Harness({ template: QWEN_TEMPLATE, controls: [...CHATML_CONTROLS, ...QWEN], end: '<|im_end|>' });
    expect(await qwen.model.capabilities?.()).toEqual({ tools: true, reasoning: true, fillInMiddle: true });
    expect(await new Harness().model.capabilities?.()).toEqual({ tools: false, reasoning: false, fillInMiddle: false });
    const deepSeek = new Harness({ template: DEEPSEEK_R1_TEMPLATE, controls: DEEPSEEK_CONTROLS });
    expect(await deepSeek.model.capabilities?.()).toEqual({ tools: false, reasoning: true, fillInMiddle: false });
  });

  it('counts the tokens of a prompt, and tells them before the first event', async () => {
    const harness = new Harness({ template: QWEN_TEMPLATE, controls: CHATML_CONTROLS });
    harness.speak(['Hello']);
    const request = chatRequest({});
    const counted = await harness.model.countPromptTokens?.(request);
    const told: unknown[] = [];
    for await (const event of harness.model.chat(request, {
      onPrompt: (prompt) => told.push(prompt),
      signal: new AbortController().signal,
    })) {
      told.push(event.kind);
    }
    expect(told[0]).toEqual({ promptTokens: counted, cachedTokens: 0 });
    expect(told.filter((one) => typeof one === 'object')).toHaveLength(1);
    expect(counted).toBe(harness.generator.requests.at(-1)?.prompt.length);
  });
});
