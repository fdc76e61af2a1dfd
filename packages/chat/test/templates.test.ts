import type { ChatMessage, ToolDefinition } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { Harness } from './support/harness.ts';
import {
  CHATML_CONTROLS,
  COMMAND_CONTROLS,
  COMMAND_TEMPLATE,
  DEEPSEEK_CONTROLS,
  DEEPSEEK_R1_TEMPLATE,
  GEMMA_CONTROLS,
  GEMMA_TEMPLATE,
  HARMONY_CONTROLS,
  HARMONY_TEMPLATE,
  LLAMA_CONTROLS,
  LLAMA_TEMPLATE,
  MISTRAL_CONTROLS,
  MISTRAL_TEMPLATE,
  PHI_CONTROLS,
  PHI_TEMPLATE,
  QWEN_TEMPLATE,
} from './support/templates.ts';

const WEATHER: ToolDefinition = {
  name: 'get_weather',
  description: 'Weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
};
const TALK: readonly ChatMessage[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Hi' },
  { role: 'assistant', content: 'Hello' },
  { role: 'user', content: 'Bye' },
];
const CALLED: readonly ChatMessage[] = [
  { role: 'user', content: 'Rome?' },
  { role: 'assistant', content: '', toolCalls: [{ id: 'call_0123456789', name: 'get_weather', arguments: '{"city":"Rome"}' }] },
  { role: 'tool', content: '21 degrees', toolCallId: 'call_0123456789' },
];

const qwen = () => new Harness({ template: QWEN_TEMPLATE, controls: CHATML_CONTROLS, end: '<|im_end|>' });
const gemma = () =>
  new Harness({ template: GEMMA_TEMPLATE, controls: GEMMA_CONTROLS, begin: '<bos>', end: '<eos>', addBegin: true });
const mistral = () =>
  new Harness({ template: MISTRAL_TEMPLATE, controls: MISTRAL_CONTROLS, begin: '<s>', end: '</s>', addBegin: true });

describe('chat templates', () => {
  it('renders a conversation, control tokens as such', async () => {
    expect(await qwen().promptOf({ messages: TALK })).toBe(
      '«<|im_start|>»system\nBe brief.«<|im_end|>»\n«<|im_start|>»user\nHi«<|im_end|>»\n«<|im_start|>»assistant\nHello«<|im_end|>»\n«<|im_start|>»user\nBye«<|im_end|>»\n«<|im_start|>»assistant\n',
    );
  });

  it('adds the begin token once, whether the template prints it or not', async () => {
    expect(await gemma().promptOf({})).toBe('«<bos>»«<start_of_turn>»user\nHi«<end_of_turn>»\n«<start_of_turn>»model\n');
    const silent = new Harness({ template: PHI_TEMPLATE, controls: [...PHI_CONTROLS, '<s>'], begin: '<s>', addBegin: true });
    expect(await silent.promptOf({})).toBe('«<s>»«<|user|>»\nHi«<|end|>»\n«<|assistant|>»\n');
  });

  it('hands over tools and earlier calls with their results', async () => {
    const prompt = await qwen().promptOf({ messages: CALLED, tools: [WEATHER] });
    expect(prompt).toContain(
      '<tools>\n{"type": "function", "function": {"name": "get_weather", "description": "Weather of a city", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}\n</tools>',
    );
    expect(prompt).toContain(
      '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>«<|im_end|>»\n«<|im_start|>»user\n<tool_response>\n21 degrees\n</tool_response>«<|im_end|>»',
    );
  });

  it('does not show tools that must not be called', async () => {
    expect(await qwen().promptOf({ tools: [WEATHER], toolChoice: 'none' })).not.toContain('get_weather');
  });

  it('gives arguments as text to templates that join texts', async () => {
    const harness = new Harness({
      template: DEEPSEEK_R1_TEMPLATE,
      controls: DEEPSEEK_CONTROLS,
      begin: '<｜begin▁of▁sentence｜>',
      addBegin: true,
    });
    expect(await harness.promptOf({ messages: CALLED })).toContain(
      '«<｜tool▁call▁begin｜>»function«<｜tool▁sep｜>»get_weather\n```json\n{"city":"Rome"}\n```«<｜tool▁call▁end｜>»',
    );
  });

  it('shortens call ids, alike for call and result, where the template refuses others', async () => {
    const prompt = await mistral().promptOf({ messages: [...CALLED, { role: 'user', content: 'Thanks' }], tools: [WEATHER] });
    const id = /get_weather«\[CALL_ID\]»([a-zA-Z0-9]{9})«\[ARGS\]»\{"city": "Rome"\}/.exec(prompt)?.[1];
    expect(id).toBeDefined();
    expect(prompt).toContain(`«[TOOL_RESULTS]»${id}«[TOOL_CONTENT]»21 degrees`);
  });

  it('moves system messages into the first user message where the template refuses them', async () => {
    expect(await gemma().promptOf({ messages: TALK })).toContain(
      '«<start_of_turn>»user\nBe brief.\n\nHi«<end_of_turn>»\n«<start_of_turn>»model\nHello«<end_of_turn>»',
    );
  });

  it('does so too where the template would drop them without a word', async () => {
    const deaf = "{% for m in messages %}{% if m.role != 'system' %}[{{ m.role }}]{{ m.content }}{% endif %}{% endfor %}";
    expect(await new Harness({ template: deaf }).promptOf({ messages: TALK })).toBe(
      '[user]Be brief.\n\nHi[assistant]Hello[user]Bye',
    );
  });

  it('joins neighbours of one role only where the template wants them to alternate', async () => {
    const twice: ChatMessage[] = [
      { role: 'user', content: 'One' },
      { role: 'user', content: 'Two' },
    ];
    expect(await mistral().promptOf({ messages: twice })).toBe('«<s>»«[INST]»One\n\nTwo«[/INST]»');
    expect(await qwen().promptOf({ messages: twice })).toContain('One«<|im_end|>»\n«<|im_start|>»user\nTwo');
  });

  it('calls developer messages system where the template knows no developer', async () => {
    expect(await qwen().promptOf({ messages: [{ role: 'developer', content: 'Rules' }, ...TALK.slice(1)] })).toContain(
      '«<|im_start|>»system\nRules«<|im_end|>»',
    );
  });

  it('knows the date and the variables of the request', async () => {
    const harmony = new Harness({ template: HARMONY_TEMPLATE, controls: HARMONY_CONTROLS });
    const prompt = await harmony.promptOf({
      templateVariables: { reasoning_effort: 'high', messages: [], add_generation_prompt: false },
    });
    expect(prompt).toBe(
      '«<|start|>»system«<|message|>»You are ChatGPT.\nCurrent date: 2026-11-24\n\nReasoning: high«<|end|>»«<|start|>»user«<|message|>»Hi«<|end|>»«<|start|>»assistant',
    );
    const llama = new Harness({ template: LLAMA_TEMPLATE, controls: LLAMA_CONTROLS, begin: '<|begin_of_text|>' });
    expect(await llama.promptOf({})).toContain('Today Date: 24 Nov 2026\n');
  });

  it('names the tool of a result by its call', async () => {
    const harmony = new Harness({ template: HARMONY_TEMPLATE, controls: HARMONY_CONTROLS });
    const messages = CALLED.map((message) =>
      message.role === 'assistant' ? { ...message, content: 'Let me see.', reasoning: 'They want Rome.' } : message,
    );
    expect(await harmony.promptOf({ messages, tools: [WEATHER] })).toContain(
      '«<|start|>»assistant to=functions.get_weather«<|channel|>»commentary json«<|message|>»{"city": "Rome"}«<|call|>»«<|start|>»functions.get_weather to=assistant«<|channel|>»commentary«<|message|>»"21 degrees"«<|end|>»',
    );
  });

  it('describes tools itself where the template knows none, and writes calls as text', async () => {
    const prompt = await gemma().promptOf({ messages: CALLED, tools: [WEATHER] });
    expect(prompt).toContain('<tools>\n{"type":"function","function":{"name":"get_weather"');
    expect(prompt).toContain(
      '«<start_of_turn>»model\n<tool_call>\n{"name": "get_weather", "arguments": {"city":"Rome"}}\n</tool_call>«<end_of_turn>»\n«<start_of_turn>»user\n<tool_response>\n21 degrees\n</tool_response>',
    );
  });

  it('gives calls one by one, each with its result, to templates that take no more or forget the others', async () => {
    const messages: ChatMessage[] = [
      { role: 'user', content: 'Rome and Paris?' },
      {
        role: 'assistant',
        content: '',
        toolCalls: ['Rome', 'Paris'].map((city) => ({ id: `call_${city}`, name: 'get_weather', arguments: `{"city":"${city}"}` })),
      },
      { role: 'tool', content: 'rain in Paris', toolCallId: 'call_Paris' },
      { role: 'tool', content: 'sun in Rome', toolCallId: 'call_Rome' },
      { role: 'user', content: 'Thanks' },
    ];
    const llama = new Harness({ template: LLAMA_TEMPLATE, controls: LLAMA_CONTROLS, begin: '<|begin_of_text|>' });
    const harmony = new Harness({ template: HARMONY_TEMPLATE, controls: HARMONY_CONTROLS });
    for (const harness of [llama, harmony]) {
      const prompt = await harness.promptOf({ messages, tools: [WEATHER] });
      const order = ['"city": "Rome"', 'sun in Rome', '"city": "Paris"', 'rain in Paris', 'Thanks'].map((text) =>
        prompt.indexOf(text),
      );
      expect(order).toEqual(order.toSorted((left, right) => left - right));
      expect(order[0]).toBeGreaterThan(0);
    }
    const together = await qwen().promptOf({ messages, tools: [WEATHER] });
    expect(together.indexOf('"city": "Paris"')).toBeLessThan(together.indexOf('rain in Paris'));
    expect(together.indexOf('"city": "Paris"')).toBeLessThan(together.indexOf('sun in Rome'));
  });

  it('moves system messages that the template would only show at the start, or not at all but for one', async () => {
    const harmony = new Harness({ template: HARMONY_TEMPLATE, controls: HARMONY_CONTROLS });
    const late = await harmony.promptOf({ messages: [...TALK, { role: 'system', content: 'Now in French.' }] });
    expect(late).toContain('«<|start|>»developer«<|message|>»Be brief.');
    expect(late).toContain('«<|start|>»user«<|message|>»Now in French.');
    expect(await qwen().promptOf({ messages: [...TALK, { role: 'system', content: 'Now in French.' }] })).toContain(
      '«<|im_start|>»system\nNow in French.',
    );
    const r1 = new Harness({ template: DEEPSEEK_R1_TEMPLATE, controls: DEEPSEEK_CONTROLS });
    const told = await r1.promptOf({ messages: TALK, tools: [WEATHER] });
    expect(told).toContain('Be brief.\n\nYou can call functions.');
    expect(told).toContain('"get_weather"');
  });

  it('gives content as parts to templates that take nothing else', async () => {
    const typed =
      "{% for m in messages %}{{ m.role }}:{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %};{% endfor %}";
    expect(await new Harness({ template: typed }).promptOf({ messages: TALK })).toBe(
      'system:Be brief.;user:Hi;assistant:Hello;user:Bye;',
    );
  });

  it('hands earlier reasoning to the template, which decides', async () => {
    const messages: ChatMessage[] = [
      TALK[1] as ChatMessage,
      { role: 'assistant', content: 'Hello', reasoning: 'They greet.' },
      TALK[3] as ChatMessage,
    ];
    expect(await qwen().promptOf({ messages })).not.toContain('They greet.');
    const showing =
      '{% for m in messages %}{% if m.reasoning_content %}({{ m.reasoning_content }}){% endif %}{{ m.content }};{% endfor %}';
    expect(await new Harness({ template: showing }).promptOf({ messages })).toBe('Hi;(They greet.)Hello;Bye;');
  });

  it('goes on with an answer that the last message begins', async () => {
    const begun: ChatMessage[] = [
      { role: 'user', content: 'Count' },
      { role: 'assistant', content: 'One, two,' },
    ];
    expect(await qwen().promptOf({ messages: begun })).toMatch(/«<\|im_start\|>»assistant\nOne, two,$/);
    const r1 = new Harness({ template: DEEPSEEK_R1_TEMPLATE, controls: DEEPSEEK_CONTROLS });
    expect(await r1.promptOf({ messages: begun })).toMatch(/«<｜Assistant｜>»<think>\n\n<\/think>\n\nOne, two,$/);
    const harmony = new Harness({ template: HARMONY_TEMPLATE, controls: HARMONY_CONTROLS });
    harmony.speak([' three']);
    const answer = await harmony.chat({ messages: begun });
    expect(harmony.prompt).toMatch(/«<\|start\|>»assistant«<\|channel\|>»final«<\|message\|>»One, two,$/);
    expect(answer.text).toBe(' three');
  });

  it('says in the template’s own words why it refuses', async () => {
    const refusing = "{{ raise_exception('Only Latin, please') }}";
    await expect(new Harness({ template: refusing }).chat()).rejects.toMatchObject({
      name: 'TemplateError',
      message: expect.stringContaining('Only Latin, please'),
    });
  });

  it.each([
    ['no template', '{% if %}'],
    ['no end', '{% for m in messages %}'],
    ['an unknown filter', '{{ messages | frobnicate }}'],
    ['a recursion without end', '{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}'],
    ['a loop too long', '{% for i in range(100000000) %}x{% endfor %}'],
    ['too much work', '{% for i in range(10000) %}{% for j in range(10000) %}{% set x = i %}{% endfor %}{% endfor %}'],
    [
      'too much text',
      "{% set ns = namespace(t='xxxxxxxx') %}{% for i in range(60) %}{% set ns.t = ns.t + ns.t %}{% endfor %}{{ ns.t }}",
    ],
    ['a repetition without measure', "{{ 'x' * 1000000000 }}"],
    ['an indent without measure', "{{ 'a\nb' | indent(1000000000) }}"],
  ])('survives a template with %s', async (_what, template) => {
    const harness = new Harness({ template });
    await expect(harness.chat()).rejects.toMatchObject({ name: 'TemplateError' });
    harness.speak(['fine']);
    expect((await harness.complete()).text).toBe('fine');
  });

  it('uses ChatML without a template where the vocabulary has it, else plain turns that end at the next', async () => {
    expect(await new Harness({ controls: CHATML_CONTROLS }).promptOf({ messages: TALK.slice(0, 2) })).toBe(
      '«<|im_start|>»system\nBe brief.«<|im_end|>»\n«<|im_start|>»user\nHi«<|im_end|>»\n«<|im_start|>»assistant\n',
    );
    const plain = new Harness();
    plain.speak([' Hello\nUser: and']);
    const answer = await plain.chat({ messages: TALK });
    expect(plain.prompt).toBe('Be brief.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Bye\n\nAssistant:');
    expect(answer).toMatchObject({ text: ' Hello', finish: { reason: 'stop' } });
  });

  it('renders what families do otherwise', async () => {
    const command = new Harness({ template: COMMAND_TEMPLATE, controls: COMMAND_CONTROLS, begin: '<BOS_TOKEN>', addBegin: true });
    const prompt = await command.promptOf({ messages: CALLED, tools: [WEATHER] });
    expect(prompt).toContain('{"tool_call_id": "0", "tool_name": "get_weather", "parameters": {"city": "Rome"}}');
    expect(prompt).toContain('«<|START_TOOL_RESULT|>»"21 degrees"«<|END_TOOL_RESULT|>»');
    const llama = new Harness({ template: LLAMA_TEMPLATE, controls: LLAMA_CONTROLS, begin: '<|begin_of_text|>' });
    expect(await llama.promptOf({ messages: CALLED, tools: [WEATHER] })).toContain(
      '«<|start_header_id|>»assistant«<|end_header_id|>»\n\n{"name": "get_weather", "parameters": {"city": "Rome"}}«<|eot_id|>»«<|start_header_id|>»ipython«<|end_header_id|>»\n\n"21 degrees"',
    );
  });

  it('bounds messages and tools', async () => {
    const harness = qwen();
    await expect(harness.chat({ messages: [] })).rejects.toMatchObject({ name: 'InvalidInputError', path: 'messages' });
    await expect(harness.chat({ messages: Array.from({ length: 16_385 }, () => USER) })).rejects.toMatchObject({
      path: 'messages',
    });
    await expect(harness.chat({ tools: Array.from({ length: 1025 }, () => WEATHER) })).rejects.toMatchObject({ path: 'tools' });
    await expect(harness.chat({ toolChoice: 'required' })).rejects.toMatchObject({ path: 'tool_choice' });
    await expect(harness.chat({ toolChoice: { name: 'other' }, tools: [WEATHER] })).rejects.toMatchObject({ path: 'tool_choice' });
  });
});

const USER: ChatMessage = { role: 'user', content: 'x' };
