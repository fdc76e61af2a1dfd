import { textUntil, type Parsing } from '../answer/parsing.ts';
import type { TextCursor } from '../answer/text-cursor.ts';
import { UnsupportedSchemaError } from '../errors.ts';
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
  grammar({ tools }) {
    throw new UnsupportedSchemaError('This model writes arguments in a notation that is not JSON, so calls cannot be forced', [
      tools[0]?.name ?? '',
    ]);
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
  const callArguments = readArguments(body.text);
  if (callArguments === undefined) {
    yield* asText(cursor);
    return;
  }
  cursor.recorded();
  yield { kind: 'call', name };
  yield { kind: 'arguments', delta: JSON.stringify(callArguments) };
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
