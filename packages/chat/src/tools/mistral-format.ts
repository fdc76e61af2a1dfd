import { afterSpace, type Parsing } from '../answer/parsing.ts';
import type { TextCursor } from '../answer/text-cursor.ts';
import { headerFormat } from './header-format.ts';
import { jsonFormat } from './json-format.ts';
import type { OfferedTools, ToolCallFormat } from './tool-call-format.ts';

const OPEN = '[TOOL_CALLS]';
const HEADER_END = '[ARGS]';
/** Mistral's templates refuse call ids of other lengths. */
const ID_LENGTH = 9;

/** `[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}`, one after the other. */
const HEADER = headerFormat({
  name: 'mistral',
  open: '',
  close: '',
  callOpen: OPEN,
  headerEnd: HEADER_END,
  callEnd: '',
  readHeader(header) {
    const [name = '', id] = header.split('[CALL_ID]');
    if (!/^[^\s{}[\]]+$/.test(name)) return undefined;
    return id === undefined ? { name } : { name, id };
  },
  writeHeader: (name) => `${name}${HEADER_END}`,
  between: '',
});

/** `[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Paris"}}]`. */
const LIST = jsonFormat({
  name: 'mistral-list',
  openers: [OPEN],
  closers: [],
  written: { begin: `${OPEN}[`, callBegin: '', nameKey: 'name', argumentsKey: 'arguments', callEnd: '', between: ', ', end: ']' },
});

/** Reads both forms, whichever the template shows: models of one family mix them. */
function* parse(cursor: TextCursor, opener: string, tools: OfferedTools): Parsing {
  const next = yield* afterSpace(cursor);
  yield* (next === '[' || next === '{' ? LIST : HEADER).parse(cursor, opener, tools);
}

export const MISTRAL_FORMAT: ToolCallFormat = { ...HEADER, markers: [HEADER_END, '[CALL_ID]'], idLength: ID_LENGTH, parse };
export const MISTRAL_LIST_FORMAT: ToolCallFormat = { ...MISTRAL_FORMAT, name: LIST.name, grammar: LIST.grammar };
