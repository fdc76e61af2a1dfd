import { afterSpace, takeMarker, textUntil, type Parsing } from '../answer/parsing.ts';
import type { TextCursor } from '../answer/text-cursor.ts';
import type { OfferedTools, ToolCallFormat } from './tool-call-format.ts';
import { xmlGrammar } from './xml-grammar.ts';

export interface XmlFormatOptions {
  readonly name: string;
  /** Around all calls of an answer, or each call. */
  readonly open: string;
  readonly close: string;
  /** Before a function's name; empty where the name follows `open` at once. */
  readonly functionOpen: string;
  readonly nameEnd: string;
  readonly functionEnd: string;
  readonly parameterOpen: string;
  readonly keyEnd: string;
  /** Between key and value, besides white space. */
  readonly valueOpen: string;
  readonly valueEnd: string;
  /** What a grammar writes between key and value, and after a value. */
  readonly beforeValue: string;
  readonly afterValue: string;
  /** The key is followed by an attribute that tells texts from JSON. */
  readonly typeAttribute?: boolean;
}

/** Calls written as tags with one bare value a parameter: texts as they are, anything else as JSON. */
export function xmlFormat(options: XmlFormatOptions): ToolCallFormat {
  const { open, close, functionOpen, functionEnd, parameterOpen, valueEnd, valueOpen } = options;
  return {
    name: options.name,
    // Some models forget the outer tag.
    openers: functionOpen === '' ? [open] : [open, functionOpen],
    markers: [close, functionEnd, parameterOpen, valueEnd, valueOpen].filter((marker) => marker !== ''),
    parse: (cursor, opener, tools) => parseCalls(cursor, options, opener, tools),
    grammar: (request) => xmlGrammar(options, request),
  };
}

function* parseCalls(cursor: TextCursor, options: XmlFormatOptions, opener: string, tools: OfferedTools): Parsing {
  const { close, functionOpen } = options;
  let inFunction = opener === functionOpen || functionOpen === '';
  while (true) {
    if (!inFunction) {
      yield* afterSpace(cursor);
      const marker = yield* takeMarker(cursor, [functionOpen, close]);
      if (marker !== functionOpen) break;
    }
    if (!(yield* parseFunction(cursor, options, tools))) break;
    inFunction = false;
    cursor.record();
    if (functionOpen === '') return;
  }
  // A closing tag without calls, or text that is no call.
  const { at, text } = cursor.recorded();
  if (text.replace(close, '').trim() !== '') yield { kind: 'text', text, at };
}

/** One function's name and parameters; false when there is no name. */
function* parseFunction(cursor: TextCursor, options: XmlFormatOptions, tools: OfferedTools): Parsing<boolean> {
  const { nameEnd, parameterOpen, functionEnd, close } = options;
  const ends = [functionEnd, close].filter((marker) => marker !== '');
  const header = yield* textUntil(cursor, [nameEnd, parameterOpen, ...ends]);
  const name = header.text.trim();
  if (header.marker === undefined || name === '' || /[\s<>{}]/.test(name)) return false;
  yield { kind: 'call', name };
  cursor.recorded();
  let marker: string | undefined = header.marker === nameEnd ? undefined : header.marker;
  let written = 0;
  while (true) {
    if (marker === undefined) {
      yield* afterSpace(cursor);
      marker = yield* takeMarker(cursor, [parameterOpen, ...ends]);
    }
    if (marker !== parameterOpen) break;
    marker = undefined;
    const key = yield* textUntil(cursor, [options.keyEnd]);
    // DSML has attributes after the name: `city" string="true`.
    const [parameter = '', attributes = ''] = splitOnce(key.text, '"');
    if (options.valueOpen !== '') {
      yield* afterSpace(cursor);
      yield* takeMarker(cursor, [options.valueOpen]);
    }
    yield { kind: 'arguments', delta: `${written === 0 ? '{' : ', '}${JSON.stringify(parameter.trim())}: ` };
    written += 1;
    yield* parseValue(cursor, options, attributeSaysText(attributes) ?? tools.isText(name, parameter.trim()));
  }
  yield { kind: 'arguments', delta: written === 0 ? '{}' : '}' };
  return true;
}

/** `isText`: the value is a text whatever it looks like; undefined: JSON if it is JSON. */
function* parseValue(cursor: TextCursor, { valueEnd }: XmlFormatOptions, isText: boolean | undefined): Parsing {
  if (isText !== true) {
    const { text } = yield* textUntil(cursor, [valueEnd]);
    yield { kind: 'arguments', delta: jsonOrText(withoutFrame(text)) };
    return;
  }
  yield { kind: 'arguments', delta: '"' };
  let first = true;
  let held = '';
  while (true) {
    const step = cursor.next([valueEnd]);
    let text = held + step.text;
    held = '';
    if (first && text !== '') {
      // The line break after the opening tag is layout, as is the one before the closing tag.
      if (text === '\r' && step.marker === undefined) held = text;
      else {
        text = text.replace(/^\r?\n/, '');
        first = false;
      }
    }
    if (step.marker === undefined && !cursor.ended) {
      held ||= /\r?\n?$/.exec(text)?.[0] ?? '';
      text = text.slice(0, text.length - held.length);
    } else {
      text = text.replace(/\r?\n$/, '');
    }
    if (text !== '') yield { kind: 'arguments', delta: JSON.stringify(text).slice(1, -1) };
    if (step.marker !== undefined || cursor.ended) break;
    yield undefined;
  }
  yield { kind: 'arguments', delta: '"' };
}

function attributeSaysText(attributes: string): boolean | undefined {
  if (attributes.includes('string="true')) return true;
  return attributes.includes('string="false') ? false : undefined;
}

function withoutFrame(text: string): string {
  return text.replace(/^\r?\n/, '').replace(/\r?\n$/, '');
}

function jsonOrText(text: string): string {
  try {
    JSON.parse(text);
    return text.trim();
  } catch {
    // Models trained on Python write its words.
    const python = new Map([
      ['True', 'true'],
      ['False', 'false'],
      ['None', 'null'],
    ]).get(text.trim());
    return python ?? JSON.stringify(text);
  }
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at)];
}
