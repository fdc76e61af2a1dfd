import type { Spoken } from './harness.ts';

/** One way in which a family of models writes calls, as its own models write them. */
export interface CallFamily {
  /** What its templates hold, by which it is known. */
  readonly marks: string;
  /** Markers that are control tokens of its vocabulary. */
  readonly controls?: readonly string[];
  /** Two calls; only one where the family was taught one an answer. */
  readonly spoken: readonly Spoken[];
  readonly calls: readonly (readonly [name: string, given: Record<string, unknown>])[];
}

const PARIS = ['get_weather', { city: 'Paris', days: 3 }] as const;
const ROME = ['get_weather', { city: 'Rome "centre"' }] as const;
const TWO = [PARIS, ROME];

const control = (text: string): Spoken => ({ control: text });

export const CALL_FAMILIES: Readonly<Record<string, CallFamily>> = {
  'Hermes and Qwen': {
    marks: '<tool_call>',
    spoken: [
      '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}\n</tool_call>\n',
      '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome \\"centre\\""}}\n</tool_call>',
    ],
    calls: TWO,
  },
  'Qwen 3 Coder': {
    marks: '<tool_call> <function= <parameter=',
    spoken: [
      '<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>\n',
      '<tool_call>\n<function=get_weather>\n<parameter=city>\nRome "centre"\n</parameter>\n</function>\n</tool_call>',
    ],
    calls: TWO,
  },
  'Llama 3': {
    marks: '<|start_header_id|> "parameters"',
    controls: ['<|python_tag|>'],
    spoken: ['{"name": "get_weather", "parameters": {"city": "Paris", "days": 3}}'],
    calls: [PARIS],
  },
  'Mistral, list': {
    marks: '[TOOL_CALLS]',
    controls: ['[TOOL_CALLS]'],
    spoken: [
      control('[TOOL_CALLS]'),
      '[{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}, {"name": "get_weather", "arguments": {"city": "Rome \\"centre\\""}}]',
    ],
    calls: TWO,
  },
  'Mistral, names first': {
    marks: '[TOOL_CALLS] [ARGS]',
    controls: ['[TOOL_CALLS]', '[ARGS]'],
    spoken: [
      control('[TOOL_CALLS]'),
      'get_weather',
      control('[ARGS]'),
      '{"city": "Paris", "days": 3}',
      control('[TOOL_CALLS]'),
      'get_weather',
      control('[ARGS]'),
      '{"city": "Rome \\"centre\\""}',
    ],
    calls: TWO,
  },
  'DeepSeek V3.1': {
    marks: '<｜tool▁sep｜>',
    controls: ['<｜tool▁calls▁begin｜>', '<｜tool▁calls▁end｜>', '<｜tool▁call▁begin｜>', '<｜tool▁call▁end｜>', '<｜tool▁sep｜>'],
    spoken: [
      control('<｜tool▁calls▁begin｜>'),
      control('<｜tool▁call▁begin｜>'),
      'get_weather',
      control('<｜tool▁sep｜>'),
      '{"city": "Paris", "days": 3}',
      control('<｜tool▁call▁end｜>'),
      control('<｜tool▁call▁begin｜>'),
      'get_weather',
      control('<｜tool▁sep｜>'),
      '{"city": "Rome \\"centre\\""}',
      control('<｜tool▁call▁end｜>'),
      control('<｜tool▁calls▁end｜>'),
    ],
    calls: TWO,
  },
  'DeepSeek R1 and V3': {
    marks: '<｜tool▁sep｜> ```json',
    controls: ['<｜tool▁calls▁begin｜>', '<｜tool▁calls▁end｜>', '<｜tool▁call▁begin｜>', '<｜tool▁call▁end｜>', '<｜tool▁sep｜>'],
    spoken: [
      control('<｜tool▁calls▁begin｜>'),
      control('<｜tool▁call▁begin｜>'),
      'function',
      control('<｜tool▁sep｜>'),
      'get_weather\n```json\n{"city": "Paris", "days": 3}\n```',
      control('<｜tool▁call▁end｜>'),
      '\n',
      control('<｜tool▁call▁begin｜>'),
      'function',
      control('<｜tool▁sep｜>'),
      'get_weather\n```json\n{"city": "Rome \\"centre\\""}\n```',
      control('<｜tool▁call▁end｜>'),
      control('<｜tool▁calls▁end｜>'),
    ],
    calls: TWO,
  },
  'DeepSeek V3.2': {
    marks: 'DSML invoke name=',
    spoken: [
      '<｜DSML｜function_calls>\n<｜DSML｜invoke name="get_weather">\n<｜DSML｜parameter name="city" string="true">Paris</｜DSML｜parameter>\n<｜DSML｜parameter name="days" string="false">3</｜DSML｜parameter>\n</｜DSML｜invoke>\n',
      '<｜DSML｜invoke name="get_weather">\n<｜DSML｜parameter name="city" string="true">Rome "centre"</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>',
    ],
    calls: TWO,
  },
  'Gemma 4': {
    marks: '<|tool_call> <tool_call|>',
    controls: ['<|tool_call>', '<tool_call|>', '<|"|>'],
    spoken: [
      control('<|tool_call>'),
      'call:get_weather{city:',
      control('<|"|>'),
      'Paris',
      control('<|"|>'),
      ',days:3}',
      control('<tool_call|>'),
      control('<|tool_call>'),
      'call:get_weather{city:',
      control('<|"|>'),
      'Rome "centre"',
      control('<|"|>'),
      '}',
      control('<tool_call|>'),
    ],
    calls: TWO,
  },
  'GLM 4.5': {
    marks: '<tool_call> <arg_key>',
    spoken: [
      '<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>\n',
      '<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Rome "centre"</arg_value>\n</tool_call>',
    ],
    calls: TWO,
  },
  Command: {
    marks: '<|START_ACTION|>',
    controls: ['<|START_ACTION|>', '<|END_ACTION|>'],
    spoken: [
      control('<|START_ACTION|>'),
      '[\n    {"tool_call_id": "0", "tool_name": "get_weather", "parameters": {"city": "Paris", "days": 3}},\n    {"tool_call_id": "1", "tool_name": "get_weather", "parameters": {"city": "Rome \\"centre\\""}}\n]',
      control('<|END_ACTION|>'),
    ],
    calls: TWO,
  },
  'Kimi K2': {
    marks: '<|tool_calls_section_begin|>',
    controls: [
      '<|tool_calls_section_begin|>',
      '<|tool_calls_section_end|>',
      '<|tool_call_begin|>',
      '<|tool_call_argument_begin|>',
      '<|tool_call_end|>',
    ],
    spoken: [
      control('<|tool_calls_section_begin|>'),
      control('<|tool_call_begin|>'),
      'functions.get_weather:0',
      control('<|tool_call_argument_begin|>'),
      '{"city": "Paris", "days": 3}',
      control('<|tool_call_end|>'),
      control('<|tool_call_begin|>'),
      'functions.get_weather:1',
      control('<|tool_call_argument_begin|>'),
      '{"city": "Rome \\"centre\\""}',
      control('<|tool_call_end|>'),
      control('<|tool_calls_section_end|>'),
    ],
    calls: TWO,
  },
  'MiniMax M2': {
    marks: '<minimax:tool_call>',
    spoken: [
      '<minimax:tool_call>\n<invoke name="get_weather">\n<parameter name="city">Paris</parameter>\n<parameter name="days">3</parameter>\n</invoke>\n<invoke name="get_weather">\n<parameter name="city">Rome "centre"</parameter>\n</invoke>\n</minimax:tool_call>',
    ],
    calls: TWO,
  },
  'Hunyuan 3': {
    marks: '<tool_sep:opensource>',
    spoken: [
      '<tool_calls:opensource>\n<tool_call:opensource>get_weather<tool_sep:opensource>\n<arg_key:opensource>city</arg_key:opensource>\n<arg_value:opensource>Paris</arg_value:opensource>\n<arg_key:opensource>days</arg_key:opensource>\n<arg_value:opensource>3</arg_value:opensource>\n</tool_call:opensource>\n',
      '<tool_call:opensource>get_weather<tool_sep:opensource>\n<arg_key:opensource>city</arg_key:opensource>\n<arg_value:opensource>Rome "centre"</arg_value:opensource>\n</tool_call:opensource>\n</tool_calls:opensource>',
    ],
    calls: TWO,
  },
  Solar: {
    marks: '<|tool_call:args|>',
    controls: [
      '<|tool_calls|>',
      '<|calls|>',
      '<|tool_call:begin|>',
      '<|tool_call:name|>',
      '<|tool_call:args|>',
      '<|tool_call:end|>',
    ],
    spoken: [
      control('<|tool_calls|>'),
      control('<|tool_call:begin|>'),
      'abc1',
      control('<|tool_call:name|>'),
      'get_weather',
      control('<|tool_call:args|>'),
      '{"city": "Paris", "days": 3}',
      control('<|tool_call:end|>'),
      control('<|tool_call:begin|>'),
      'abc2',
      control('<|tool_call:name|>'),
      'get_weather',
      control('<|tool_call:args|>'),
      '{"city": "Rome \\"centre\\""}',
      control('<|tool_call:end|>'),
      control('<|calls|>'),
    ],
    calls: TWO,
  },
  'Functionary 3.1': {
    marks: '<function= </function>',
    spoken: [
      '<function=get_weather>{"city": "Paris", "days": 3}</function>',
      '<function=get_weather>{"city": "Rome \\"centre\\""}</function>',
    ],
    calls: TWO,
  },
  'GigaChat 3.1': {
    marks: '<|function_call|>',
    controls: ['<|function_call|>'],
    spoken: [control('<|function_call|>'), '{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}'],
    calls: [PARIS],
  },
  LFM: {
    marks: '<|tool_call_start|>',
    controls: ['<|tool_call_start|>', '<|tool_call_end|>'],
    spoken: [
      control('<|tool_call_start|>'),
      `[get_weather(city="Paris", days=3), get_weather(city='Rome "centre"')]`,
      control('<|tool_call_end|>'),
    ],
    calls: TWO,
  },
  'Phi 4 mini': {
    marks: '<|tool_call|> <|/tool_call|>',
    controls: ['<|tool_call|>', '<|/tool_call|>'],
    spoken: [
      control('<|tool_call|>'),
      '[{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}, {"name": "get_weather", "arguments": {"city": "Rome \\"centre\\""}}]',
      control('<|/tool_call|>'),
    ],
    calls: TWO,
  },
  'Granite 3': {
    marks: '<|tool_call|>',
    controls: ['<|tool_call|>'],
    spoken: [
      control('<|tool_call|>'),
      '[{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}, {"name": "get_weather", "arguments": {"city": "Rome \\"centre\\""}}]',
    ],
    calls: TWO,
  },
  'gpt-oss': {
    marks: '<|start|> <|channel|> <|message|>',
    controls: ['<|start|>', '<|channel|>', '<|message|>', '<|constrain|>', '<|call|>', '<|end|>'],
    spoken: [
      control('<|channel|>'),
      'commentary to=functions.get_weather ',
      control('<|constrain|>'),
      'json',
      control('<|message|>'),
      '{"city": "Paris", "days": 3}',
      control('<|call|>'),
    ],
    calls: [PARIS],
  },
};

/** A template that shows tools and calls, and is known for the family by `marks`. */
export const familyTemplate = ({ marks }: CallFamily): string =>
  `{# ${marks} #}{% for t in tools %}{{ t | tojson }}{% endfor %}{% for m in messages %}{{ m.role }}: {{ m.content }}{% for c in m.tool_calls %}{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}\n{% endfor %}`;
