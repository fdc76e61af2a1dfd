import { textUntil, type Parsing } from '../answer/parsing.ts';
import type { TextCursor } from '../answer/text-cursor.ts';
import { joined, literal } from '../schema/gbnf.ts';
import { GEMMA_NOTATION, LiteralReader } from './literal-reader.ts';
import { asText, type ToolCallFormat } from './tool-call-format.ts';

const OPEN = '<|tool_call>';
const CLOSE = '<tool_call|>';

/** Gemma 4: `<|tool_call>call:get_weather{city:<|"|>Paris<|"|>}<tool_call|>`. */
export const GEMMA_FORMAT: ToolCallFormat = {
  name: 'gemma',
  openers: [OPEN],
  markers: [CLOSE, '<|"|>'],
  parse: parseCall,
  // Where the arguments must fit a schema they are JSON, which is read as well as the model's own notation.
  grammar({ builder, tools, many, argumentsRule }) {
    const calls = tools.map((tool) => joined(literal(`${OPEN}call:${tool.name}`), argumentsRule(tool), literal(CLOSE)));
    const call = builder.add('call', calls.join(' | '));
    return many ? `${call} ${call}{0,15}` : call;
  },
};

function* parseCall(cursor: TextCursor): Parsing {
  const header = yield* textUntil(cursor, ['{', CLOSE]);
  const name = /^\s*call:([^\s{}]+)\s*$/.exec(header.text)?.[1];
  if (header.marker !== '{' || name === undefined) {
    yield* asText(cursor);
    return;
  }
  // The arguments are read as a whole: their texts become JSON only when they are complete.
  const body = yield* textUntil(cursor, [CLOSE]);
  const callArguments = readJson(body.text) ?? readArguments(body.text);
  if (callArguments === undefined) {
    yield* asText(cursor);
    return;
  }
  cursor.recorded();
  yield { kind: 'call', name };
  yield { kind: 'arguments', delta: JSON.stringify(callArguments) };
}

/** The opening brace was taken before. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(`{${text}`);
  } catch {
    return undefined;
  }
}

function readArguments(text: string): Record<string, unknown> | undefined {
  try {
    const reader = new LiteralReader(text, GEMMA_NOTATION);
    const entries = reader.entries('}');
    return reader.atEnd ? entries : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
