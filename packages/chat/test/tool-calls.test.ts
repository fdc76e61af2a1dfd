import type { ToolDefinition } from '@pippa/core';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { CALL_FAMILIES, familyTemplate, type CallFamily } from './support/call-families.ts';
import { derive, matches, parseGrammar } from './support/gbnf.ts';
import { Harness, type Answer } from './support/harness.ts';

const WEATHER: ToolDefinition = {
  name: 'get_weather',
  description: 'Weather of a city',
  parameters: {
    type: 'object',
    properties: {
      city: { type: 'string' },
      days: { type: 'integer', minimum: 0, maximum: 14 },
      unit: { enum: ['celsius', 'fahrenheit'] },
      places: { type: 'array', items: { type: 'object', properties: { x: { type: 'number' } }, required: ['x'] }, maxItems: 2 },
    },
    required: ['city', 'unit'],
    additionalProperties: false,
  },
};
const TIME: ToolDefinition = { name: 'get_time' };
const tools = [WEATHER, TIME];

const harnessOf = (family: CallFamily) =>
  new Harness({
    template: familyTemplate(family),
    controls: [...(family.controls ?? []), '<s>', '</s>'],
    begin: '<s>',
    end: '</s>',
  });

const callsOf = ({ calls }: Answer) => calls.map((call) => [call.name, JSON.parse(call.arguments)]);
const families = Object.entries(CALL_FAMILIES);

describe.each(families)('tool calls of %s', (_name, family) => {
  it('are read, whichever pieces they come in', async () => {
    for (const whole of [false, true]) {
      const harness = harnessOf(family);
      harness.speak(family.spoken, { whole });
      const answer = await harness.chat({ tools });
      expect(callsOf(answer)).toEqual(family.calls);
      expect(answer.text.trim()).toBe('');
      expect(answer.finish.reason).toBe('tool_calls');
      expect(new Set(answer.calls.map(({ id }) => id)).size).toBe(family.calls.length);
    }
  });

  it('come after text, and stay text when no tools are offered', async () => {
    const harness = harnessOf(family);
    const bare = family.spoken.every((part) => typeof part === 'string' && part.startsWith('{'));
    const harmony = family.marks.includes('<|channel|>');
    if (!bare && !harmony) {
      harness.speak(['I look it up.\n', ...family.spoken]);
      const answer = await harness.chat({ tools });
      expect(answer.text).toBe('I look it up.');
      expect(callsOf(answer)).toEqual(family.calls);
    }
    harness.speak(family.spoken);
    expect((await harness.chat()).calls).toEqual([]);
  });

  it('end after the first where only one is wanted', async () => {
    const harness = harnessOf(family);
    harness.speak(family.spoken);
    const answer = await harness.chat({ tools, parallelToolCalls: false });
    expect(callsOf(answer)).toEqual(family.calls.slice(0, 1));
    expect(answer.finish.reason).toBe('tool_calls');
  });

  it.each([
    ['required', 'required', true],
    ['of one tool', { name: 'get_weather' }, false],
  ] as const)('that are forced, %s, are always calls with valid arguments', async (_how, toolChoice, several) => {
    const harness = harnessOf(family);
    await harness.chat({ tools, toolChoice });
    const grammar = parseGrammar(withoutTokens(harness, harness.generator.requests.at(-1)?.sampler.grammar ?? ''));
    const validate = new Ajv2020().compile(WEATHER.parameters ?? {});
    const random = randomNumbers(11);
    const counts = new Set<number>();
    for (let round = 0; round < 60; round += 1) {
      const text = derive(grammar, random);
      harness.speak([text]);
      const { calls, text: rest } = await harness.chat({ tools, toolChoice });
      counts.add(calls.length);
      expect(calls.length, text).toBeGreaterThan(0);
      expect(rest.trim(), text).toBe('');
      for (const call of calls) {
        const given: unknown = JSON.parse(call.arguments);
        if (call.name === 'get_time') expect(given, text).toEqual({});
        else expect(validate(given), `${text} ${call.arguments}`).toBe(true);
        expect(several ? ['get_weather', 'get_time'] : ['get_weather']).toContain(call.name);
      }
    }
    if (!several) expect([...counts]).toEqual([1]);
  });
});

describe.each(families)('strict tools of %s', (_name, family) => {
  it('are called with valid arguments or not at all, and leave other answers alone', async () => {
    const harness = harnessOf(family);
    const strict = [{ ...WEATHER, strict: true }, TIME];
    await harness.chat({ tools: strict });
    const text = withoutTokens(harness, harness.generator.requests.at(-1)?.sampler.grammar ?? '');
    const grammar = parseGrammar(text);
    const validate = new Ajv2020().compile(WEATHER.parameters ?? {});
    const random = randomNumbers(5);
    const kinds = new Set<boolean>();
    for (let round = 0; round < 80; round += 1) {
      const answer = derive(grammar, random, 60);
      harness.speak([answer]);
      const { calls } = await harness.chat({ tools: strict });
      kinds.add(calls.length > 0);
      for (const call of calls.filter(({ name }) => name === 'get_weather')) {
        expect(validate(JSON.parse(call.arguments)), `${answer} ${call.arguments}`).toBe(true);
      }
    }
    expect(kinds).toEqual(new Set([true, false]));
    if (family.marks.includes('<|channel|>')) return;
    for (const plain of ['', 'Just text.', ' \n<b>5 < 6</b>', 'A list: [1, 2] and {"a": 1}', 'dots... <tool> [TOOL]']) {
      expect(matches(grammar, plain), plain).toBe(true);
    }
  });

  it('are offered beside others without a grammar when none is strict', async () => {
    const harness = harnessOf(family);
    await harness.chat({ tools });
    expect(harness.generator.requests.at(-1)?.sampler.grammar).toBeUndefined();
  });
});

describe('arguments', () => {
  it.each(families.filter(([name]) => !['Gemma 4', 'LFM'].includes(name)))(
    'of %s go out while they come',
    async (_name, family) => {
      const harness = harnessOf(family);
      harness.speak(family.spoken);
      const { events } = await harness.chat({ tools });
      const pieces = events.filter((event) => event.kind === 'tool_call' && event.index === 0 && event.argumentsDelta !== '');
      expect(pieces.length).toBeGreaterThan(3);
    },
  );

  it('that break off go out as far as they came', async () => {
    const harness = harnessOf(CALL_FAMILIES['Hermes and Qwen'] as CallFamily);
    harness.speak(['<tool_call>\n{"name": "get_weather", "arguments": {"city": "Par'], { end: 'length' });
    const answer = await harness.chat({ tools });
    expect(answer.calls).toMatchObject([{ name: 'get_weather', arguments: '{"city": "Par' }]);
    expect(answer.finish.reason).toBe('length');
  });

  it('written into a text are taken out of it', async () => {
    const harness = harnessOf(CALL_FAMILIES['Hermes and Qwen'] as CallFamily);
    harness.speak(['<tool_call>{"name": "get_weather", "arguments": "{\\"city\\": \\"Paris\\"}"}</tool_call>']);
    expect(callsOf(await harness.chat({ tools }))).toEqual([['get_weather', { city: 'Paris' }]]);
  });
});

describe('what only looks like a call', () => {
  it.each([
    ['Hermes and Qwen', 'Write <tool_call> to call.'],
    ['Hermes and Qwen', '<tool_call>{"no": "call"}</tool_call>'],
    ['Qwen 3 Coder', 'In XML <function is no tag.'],
    ['Llama 3', '{"name": "unknown_tool", "parameters": {}}'],
    ['Llama 3', '{"answer": 42}'],
    ['GLM 4.5', '<tool_call>'],
  ])('for %s stays text: %s', async (name, text) => {
    const harness = harnessOf(CALL_FAMILIES[name] as CallFamily);
    harness.speak([text]);
    const answer = await harness.chat({ tools });
    expect(answer.calls).toEqual([]);
    expect(answer.text).toBe(text);
    expect(answer.finish.reason).toBe('stop');
  });
});

/** Grammars name single tokens where they can; the reader of this test knows letters only. */
const withoutTokens = (harness: Harness, grammar: string): string =>
  grammar
    .replaceAll(/!<\[\d+\]>\*/g, '"Hm."')
    .replaceAll(
      /<\[(\d+)\]>/g,
      (_, token: string) => `"${new TextDecoder().decode(harness.tokenizer.piece(Number(token), true))}"`,
    );

/** Numbers in [0, 1), the same every run. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
