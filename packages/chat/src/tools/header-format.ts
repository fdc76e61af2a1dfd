import { afterSpace, takeMarker, textUntil, type Parsing } from '../answer/parsing.ts';
import type { TextCursor } from '../answer/text-cursor.ts';
import { joined, literal } from '../schema/gbnf.ts';
import { streamArguments } from './json-call.ts';
import type { CallGrammarRequest, ToolCallFormat } from './tool-call-format.ts';

export interface HeaderFormatOptions {
  readonly name: string;
  /** Around all calls; empty where there is none. */
  readonly open: string;
  readonly close: string;
  readonly callOpen: string;
  /** Ends the header, which names the function. */
  readonly headerEnd: string;
  readonly callEnd: string;
  /** Texts inside a header that may be control tokens. */
  readonly markers?: readonly string[];
  /** Texts between a header's end and the arguments that say nothing more. */
  readonly beforeArguments?: readonly string[];
  readonly afterArguments?: readonly string[];
  /** Function name (and id) from a header; undefined: no call. */
  readHeader(header: string): { readonly name: string; readonly id?: string } | undefined;
  /** What a grammar writes from a call's beginning to its arguments, and between calls. */
  writeHeader(name: string): string;
  readonly between: string;
}

/** Calls written as a header with the name and JSON arguments after it. */
export function headerFormat(options: HeaderFormatOptions): ToolCallFormat {
  const { open, close, callOpen, headerEnd, callEnd } = options;
  return {
    name: options.name,
    openers: [open, callOpen].filter((marker) => marker !== ''),
    markers: [close, headerEnd, callEnd, ...(options.markers ?? [])].filter((marker) => marker !== ''),
    parse: (cursor, opener) => parseCalls(cursor, options, opener),
    grammar: (request) => headerGrammar(options, request),
  };
}

function* parseCalls(cursor: TextCursor, options: HeaderFormatOptions, opener: string): Parsing {
  const { callOpen, headerEnd, callEnd, close } = options;
  let inCall = opener === callOpen;
  while (true) {
    if (!inCall) {
      yield* afterSpace(cursor);
      const marker = yield* takeMarker(
        cursor,
        [callOpen, close].filter((text) => text !== ''),
      );
      if (marker !== callOpen) break;
    }
    const ends = [callEnd, close].filter((text) => text !== '');
    const header = yield* textUntil(cursor, [headerEnd, ...ends]);
    let call = header.marker === headerEnd ? options.readHeader(header.text.trim()) : undefined;
    if (call === undefined && header.marker === headerEnd) {
      // DeepSeek R1 and V3 say `function` first and the name on the rest of the line.
      const line = yield* textUntil(cursor, ['\n', ...ends]);
      call = line.marker === '\n' ? options.readHeader(`${header.text.trim()}\n${line.text.trim()}`) : undefined;
    }
    if (call === undefined) break;
    yield { kind: 'call', ...call };
    cursor.recorded();
    yield* skip(cursor, options.beforeArguments ?? []);
    yield* streamArguments(cursor);
    yield* skip(cursor, options.afterArguments ?? []);
    yield* afterSpace(cursor);
    cursor.record();
    if (
      (yield* takeMarker(
        cursor,
        [callEnd].filter((text) => text !== ''),
      )) !== undefined
    )
      cursor.record();
    inCall = false;
  }
  const { at, text } = cursor.recorded();
  if ((close === '' ? text : text.replace(close, '')).trim() !== '') yield { kind: 'text', text, at };
}

function* skip(cursor: TextCursor, markers: readonly string[]): Parsing {
  yield* afterSpace(cursor);
  yield* takeMarker(cursor, markers);
}

function headerGrammar(options: HeaderFormatOptions, { builder, tools, many, argumentsRule }: CallGrammarRequest): string {
  const [before = ''] = options.beforeArguments ?? [];
  const [after = ''] = options.afterArguments ?? [];
  const calls = tools.map((tool) =>
    joined(
      literal(options.callOpen + options.writeHeader(tool.name) + before),
      argumentsRule(tool),
      literal(after + options.callEnd),
    ),
  );
  const call = builder.add('call', calls.join(' | '));
  const more = many ? `(${joined(literal(options.between), call)}){0,15}` : '';
  return joined(literal(options.open), call, more, literal(options.close));
}
