import { afterSpace, takeMarker, type Parsing } from '../answer/parsing.ts';
import type { TextCursor } from '../answer/text-cursor.ts';
import { joined, literal } from '../schema/gbnf.ts';
import { jsonCall, USUAL_CALL_KEYS } from './json-call.ts';
import { asText, type CallGrammarRequest, type OfferedTools, type ToolCallFormat } from './tool-call-format.ts';

export interface JsonFormatOptions {
  readonly name: string;
  readonly openers: readonly string[];
  readonly bareOpener?: string;
  /** Texts that end a call or a list of calls. */
  readonly closers: readonly string[];
  readonly idLength?: number;
  /** How a grammar writes calls: around all of them, around each, and the keys of one. */
  readonly written: {
    readonly begin: string;
    readonly callBegin: string;
    readonly nameKey: string;
    readonly argumentsKey: string;
    readonly callEnd: string;
    /** Left out: the model was taught one call an answer. */
    readonly between?: string;
    readonly end: string;
  };
}

/** Calls written as JSON objects or lists of them, between markers or bare. */
export function jsonFormat(options: JsonFormatOptions): ToolCallFormat {
  return {
    name: options.name,
    openers: options.openers,
    markers: options.closers,
    ...(options.bareOpener !== undefined && { bareOpener: options.bareOpener }),
    ...(options.idLength !== undefined && { idLength: options.idLength }),
    parse: (cursor, opener, tools) => parseCalls(cursor, options, opener === options.bareOpener ? tools : undefined),
    grammar: (request) => callsGrammar(options, request),
  };
}

/** `onlyThese`: tools that an unmarked call must name, or it is text. */
export function* parseCalls(
  cursor: TextCursor,
  options: Pick<JsonFormatOptions, 'openers' | 'closers'>,
  onlyThese?: OfferedTools,
): Parsing {
  let lists = 0;
  let calls = 0;
  while (true) {
    const next = yield* afterSpace(cursor, ',;');
    if (next === '[' && lists === 0) {
      cursor.take(1);
      lists += 1;
    } else if (next === ']' && lists > 0) {
      cursor.take(1);
      lists -= 1;
    } else if (next === '{') {
      if (
        !(yield* jsonCall(cursor, USUAL_CALL_KEYS, {
          accept: (name) => onlyThese?.has(name) ?? true,
          strict: onlyThese !== undefined,
        }))
      )
        break;
      calls += 1;
      cursor.record();
    } else {
      if (next !== undefined && (yield* takeMarker(cursor, options.closers)) !== undefined && calls > 0) cursor.recorded();
      break;
    }
  }
  if (calls === 0 || cursor.recordedLength > 0) yield* recordedText(cursor);
}

/** What came after the last call is only worth giving back when it says something. */
function* recordedText(cursor: TextCursor): Parsing {
  for (const piece of asText(cursor)) {
    if (piece?.kind === 'text' && /[^\s,;[\]]/.test(piece.text)) yield piece;
  }
}

function callsGrammar({ written }: JsonFormatOptions, { builder, tools, many, argumentsRule }: CallGrammarRequest): string {
  const calls = tools.map((tool) =>
    joined(
      literal(
        `${written.callBegin}{${JSON.stringify(written.nameKey)}: ${JSON.stringify(tool.name)}, ${JSON.stringify(written.argumentsKey)}: `,
      ),
      argumentsRule(tool),
      literal(`}${written.callEnd}`),
    ),
  );
  const call = builder.add('call', calls.join(' | '));
  const more = many && written.between !== undefined ? `(${joined(literal(written.between), call)}){0,15}` : '';
  return joined(literal(written.begin), call, more, literal(written.end));
}
