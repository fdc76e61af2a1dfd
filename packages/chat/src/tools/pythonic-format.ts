import { textUntil, type Parsing } from '../answer/parsing.ts';
import type { TextCursor } from '../answer/text-cursor.ts';
import { joined, literal } from '../schema/gbnf.ts';
import { LiteralReader, PYTHON_NOTATION } from './literal-reader.ts';
import { asText, parameterList, type CallGrammarRequest, type ToolCallFormat } from './tool-call-format.ts';

export interface PythonicFormatOptions {
  readonly name: string;
  readonly open: string;
  readonly close: string;
}

/** Calls written as a Python list: `[get_weather(city="Paris", days=3)]`. */
export function pythonicFormat({ name, open, close }: PythonicFormatOptions): ToolCallFormat {
  return {
    name,
    openers: [open],
    markers: [close],
    parse: (cursor) => parseCalls(cursor, close),
    grammar: (request) => pythonicGrammar(open, close, request),
  };
}

/** The list is read as a whole: Python texts become JSON only when they are complete. */
function* parseCalls(cursor: TextCursor, close: string): Parsing {
  const { text } = yield* textUntil(cursor, [close]);
  const calls = readCalls(text);
  if (calls === undefined) {
    yield* asText(cursor);
    return;
  }
  cursor.recorded();
  for (const call of calls) {
    yield { kind: 'call', name: call.name };
    yield { kind: 'arguments', delta: JSON.stringify(call.arguments) };
  }
}

function readCalls(text: string): { readonly name: string; readonly arguments: Record<string, unknown> }[] | undefined {
  try {
    const reader = new LiteralReader(text, PYTHON_NOTATION);
    const calls: { name: string; arguments: Record<string, unknown> }[] = [];
    const list = reader.accept('[');
    while (!reader.atEnd && !(list && reader.accept(']'))) {
      if (calls.length > 0) reader.expect(',');
      const name = reader.identifier();
      reader.expect('(');
      calls.push({ name, arguments: reader.entries(')') });
    }
    return calls.length > 0 ? calls : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** JSON values are Python values but for three words, which the reader knows too. */
function pythonicGrammar(open: string, close: string, { builder, schemas, tools, many, parameters }: CallGrammarRequest): string {
  const calls = tools.map((tool) => {
    const root = parameters(tool);
    const items = parameterList(root).map(({ key, placed, required }) => ({
      rule: builder.add(`${tool.name}-${key}`, joined(literal(`${key}=`), schemas.rule(`${tool.name}-${key}`, placed, root))),
      required,
    }));
    return joined(literal(`${tool.name}(`), builder.optionalList(`${tool.name}-arguments`, items, literal(', ')), literal(')'));
  });
  const call = builder.add('call', calls.join(' | '));
  return joined(literal(`${open}[`), call, many ? `(${literal(', ')} ${call}){0,15}` : '', literal(`]${close}`));
}
