import { GEMMA_FORMAT } from './gemma-format.ts';
import { headerFormat, type HeaderFormatOptions } from './header-format.ts';
import { jsonFormat, type JsonFormatOptions } from './json-format.ts';
import { MISTRAL_FORMAT, MISTRAL_LIST_FORMAT } from './mistral-format.ts';
import { pythonicFormat } from './pythonic-format.ts';
import type { ToolCallFormat } from './tool-call-format.ts';
import { xmlFormat, type XmlFormatOptions } from './xml-format.ts';

/** Hermes, Qwen 2.5 and 3, Granite 4 and most that follow them; also what models without tools in their template are told to write. */
export const HERMES_FORMAT = jsonFormat({
  name: 'hermes',
  openers: ['<tool_call>'],
  closers: ['</tool_call>'],
  written: {
    begin: '',
    callBegin: '<tool_call>\n',
    nameKey: 'name',
    argumentsKey: 'arguments',
    callEnd: '\n</tool_call>',
    between: '\n',
    end: '',
  },
});

/** Llama 3.1 and later: the whole answer is the call. */
const LLAMA_FORMAT = jsonFormat({
  name: 'llama-json',
  openers: ['<|python_tag|>'],
  bareOpener: '{',
  closers: [],
  written: { begin: '', callBegin: '', nameKey: 'name', argumentsKey: 'parameters', callEnd: '', end: '' },
});

/** MiniMax M1: one call a line, all between one pair of markers. */
const MINIMAX_LINES = jsonFormat({
  name: 'minimax-lines',
  openers: ['<tool_calls>'],
  closers: ['</tool_calls>'],
  written: {
    begin: '<tool_calls>\n',
    callBegin: '',
    nameKey: 'name',
    argumentsKey: 'arguments',
    callEnd: '\n',
    between: '',
    end: '</tool_calls>',
  },
});

/** JSON lists between markers. */
function listFormat(
  name: string,
  open: string,
  close: string,
  keys: Pick<JsonFormatOptions['written'], 'nameKey' | 'argumentsKey'>,
): ToolCallFormat {
  return jsonFormat({
    name,
    openers: [open],
    closers: close === '' ? [] : [close],
    written: { begin: `${open}[`, callBegin: '', ...keys, callEnd: '', between: ', ', end: `]${close}` },
  });
}

const USUAL_KEYS = { nameKey: 'name', argumentsKey: 'arguments' };

const FUNCTION_TAGS = {
  functionOpen: '<function=',
  nameEnd: '>',
  functionEnd: '</function>',
  parameterOpen: '<parameter=',
  keyEnd: '>',
  valueOpen: '',
  valueEnd: '</parameter>',
};
const INVOKE_TAGS = {
  functionOpen: '<invoke name="',
  nameEnd: '">',
  functionEnd: '</invoke>',
  parameterOpen: '<parameter name="',
  keyEnd: '">',
  valueOpen: '',
  valueEnd: '</parameter>',
};
const QWEN_CODER: XmlFormatOptions = {
  name: 'qwen-xml',
  open: '<tool_call>',
  close: '</tool_call>',
  ...FUNCTION_TAGS,
  beforeValue: '\n',
  afterValue: '\n',
};
const SEED: XmlFormatOptions = {
  ...QWEN_CODER,
  name: 'seed-xml',
  open: '<seed:tool_call>',
  close: '</seed:tool_call>',
  beforeValue: '',
  afterValue: '',
};
const MINIMAX: XmlFormatOptions = {
  name: 'minimax-xml',
  open: '<minimax:tool_call>',
  close: '</minimax:tool_call>',
  ...INVOKE_TAGS,
  beforeValue: '',
  afterValue: '',
};
const DSML = '｜DSML｜';
const DEEPSEEK_DSML: XmlFormatOptions = {
  name: 'deepseek-dsml',
  open: `<${DSML}function_calls>`,
  close: `</${DSML}function_calls>`,
  functionOpen: `<${DSML}invoke name="`,
  nameEnd: '">',
  functionEnd: `</${DSML}invoke>`,
  parameterOpen: `<${DSML}parameter name="`,
  keyEnd: '">',
  valueOpen: '',
  valueEnd: `</${DSML}parameter>`,
  beforeValue: '',
  afterValue: '',
  typeAttribute: true,
};
const GLM: XmlFormatOptions = {
  name: 'glm-xml',
  open: '<tool_call>',
  close: '</tool_call>',
  functionOpen: '',
  nameEnd: '\n',
  functionEnd: '',
  parameterOpen: '<arg_key>',
  keyEnd: '</arg_key>',
  valueOpen: '<arg_value>',
  valueEnd: '</arg_value>',
  beforeValue: '\n<arg_value>',
  afterValue: '',
};

const DEEPSEEK_MARKERS = {
  open: '<｜tool▁calls▁begin｜>',
  close: '<｜tool▁calls▁end｜>',
  callOpen: '<｜tool▁call▁begin｜>',
  headerEnd: '<｜tool▁sep｜>',
  callEnd: '<｜tool▁call▁end｜>',
};
const plainHeader = (header: string) => (/^[^\s{}]+$/.test(header) ? { name: header } : undefined);

/** V3.1: the header is the name. */
const DEEPSEEK: HeaderFormatOptions = {
  name: 'deepseek',
  ...DEEPSEEK_MARKERS,
  readHeader: plainHeader,
  writeHeader: (name) => `${name}${DEEPSEEK_MARKERS.headerEnd}`,
  between: '',
};
/** R1 and V3: the header is a type, the name follows it, and the arguments are a block of code. */
const DEEPSEEK_FENCED: HeaderFormatOptions = {
  ...DEEPSEEK,
  name: 'deepseek-fenced',
  readHeader: (header) => (header.startsWith('function\n') ? plainHeader(header.slice('function\n'.length)) : undefined),
  writeHeader: (name) => `function${DEEPSEEK_MARKERS.headerEnd}${name}\n`,
  beforeArguments: ['```json\n', '```json', '```'],
  afterArguments: ['\n```', '```'],
  between: '\n',
};
/** `functions.get_weather:0`, which is also the call's id. */
const KIMI: HeaderFormatOptions = {
  name: 'kimi',
  open: '<|tool_calls_section_begin|>',
  close: '<|tool_calls_section_end|>',
  callOpen: '<|tool_call_begin|>',
  headerEnd: '<|tool_call_argument_begin|>',
  callEnd: '<|tool_call_end|>',
  readHeader(header) {
    const name = /^(?:functions\.)?([^\s{}]+?)(?::\d+)?$/.exec(header)?.[1];
    return name === undefined ? undefined : { name, id: header };
  },
  writeHeader: (name) => `functions.${name}:0<|tool_call_argument_begin|>`,
  between: '',
};

/** Hunyuan 3: as GLM, with tags of its own and one pair around all calls. */
const HUNYUAN: XmlFormatOptions = {
  name: 'hunyuan-xml',
  open: '<tool_calls:opensource>',
  close: '</tool_calls:opensource>',
  functionOpen: '<tool_call:opensource>',
  nameEnd: '<tool_sep:opensource>',
  functionEnd: '</tool_call:opensource>',
  parameterOpen: '<arg_key:opensource>',
  keyEnd: '</arg_key:opensource>',
  valueOpen: '<arg_value:opensource>',
  valueEnd: '</arg_value:opensource>',
  beforeValue: '\n<arg_value:opensource>',
  afterValue: '',
};
/** Solar: the call's id comes first. */
const SOLAR_NAME = '<|tool_call:name|>';
const SOLAR: HeaderFormatOptions = {
  name: 'solar',
  open: '<|tool_calls|>',
  close: '<|calls|>',
  callOpen: '<|tool_call:begin|>',
  headerEnd: '<|tool_call:args|>',
  callEnd: '<|tool_call:end|>',
  markers: [SOLAR_NAME],
  readHeader(header) {
    const [, id = '', name = ''] = /^([^<]*)<\|tool_call:name\|>([^\s{}<]+)$/.exec(header) ?? [];
    if (name === '') return undefined;
    return id === '' ? { name } : { name, id };
  },
  writeHeader: (name) => `call${SOLAR_NAME}${name}<|tool_call:args|>`,
  between: '',
};
/** Functionary 3.1: the name in a tag, JSON inside. */
const FUNCTIONARY: HeaderFormatOptions = {
  name: 'functionary',
  open: '',
  close: '',
  callOpen: '<function=',
  headerEnd: '>',
  callEnd: '</function>',
  readHeader: plainHeader,
  writeHeader: (name) => `${name}>`,
  between: '',
};
const GIGACHAT = jsonFormat({
  name: 'gigachat',
  openers: ['<|function_call|>'],
  closers: [],
  written: { begin: '', callBegin: '<|function_call|>', ...USUAL_KEYS, callEnd: '', end: '' },
});

/** Formats by what their templates contain; the first that fits is the model's. */
const DETECTED: readonly (readonly [fits: (source: string) => boolean, format: ToolCallFormat])[] = [
  [has('<|tool_call>', '<tool_call|>'), GEMMA_FORMAT],
  [has('[TOOL_CALLS]', '[ARGS]'), MISTRAL_FORMAT],
  [has('[TOOL_CALLS]'), MISTRAL_LIST_FORMAT],
  [has('<seed:tool_call>'), xmlFormat(SEED)],
  [has('<minimax:tool_call>'), xmlFormat(MINIMAX)],
  [has('DSML', 'invoke name='), xmlFormat(DEEPSEEK_DSML)],
  [has('<arg_key>', '<tool_call>'), xmlFormat(GLM)],
  [has('<function=', '<parameter=', '<tool_call>'), xmlFormat(QWEN_CODER)],
  [has('<tool_sep', ':opensource'), xmlFormat(HUNYUAN)],
  [has('<|tool_call:args|>'), headerFormat(SOLAR)],
  [has('<|function_call|>'), GIGACHAT],
  [(source) => has('<function=', '</function>')(source) && !source.includes('<parameter='), headerFormat(FUNCTIONARY)],
  [has('<｜tool▁sep｜>', '```json'), headerFormat(DEEPSEEK_FENCED)],
  [has('<｜tool▁sep｜>'), headerFormat(DEEPSEEK)],
  [has('<|tool_calls_section_begin|>'), headerFormat(KIMI)],
  [
    has('<|START_ACTION|>'),
    listFormat('command', '<|START_ACTION|>', '<|END_ACTION|>', { nameKey: 'tool_name', argumentsKey: 'parameters' }),
  ],
  [has('<TOOLCALL>'), listFormat('nemotron', '<TOOLCALL>', '</TOOLCALL>', USUAL_KEYS)],
  [has('<|tool_call_start|>'), pythonicFormat({ name: 'lfm', open: '<|tool_call_start|>', close: '<|tool_call_end|>' })],
  [has('<tool_calls>['), listFormat('apriel', '<tool_calls>', '</tool_calls>', USUAL_KEYS)],
  [has('<tool_calls>'), MINIMAX_LINES],
  [has('<tool_call>'), HERMES_FORMAT],
  [has('<|tool_call|>', '<|/tool_call|>'), listFormat('phi', '<|tool_call|>', '<|/tool_call|>', USUAL_KEYS)],
  [has('<|tool_call|>'), listFormat('granite', '<|tool_call|>', '', USUAL_KEYS)],
  [has('<|start_header_id|>', '"parameters"'), LLAMA_FORMAT],
  [has('<|python_tag|>'), LLAMA_FORMAT],
];

function has(...texts: readonly string[]): (source: string) => boolean {
  return (source) => texts.every((text) => source.includes(text));
}

/** The way in which a model with this template writes calls; undefined: none that is known. */
export function detectToolCallFormat(templateSource: string): ToolCallFormat | undefined {
  return DETECTED.find(([fits]) => fits(templateSource))?.[1];
}
