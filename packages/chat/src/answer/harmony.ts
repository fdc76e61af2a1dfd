import type { OfferedTools } from '../tools/tool-call-format.ts';
import { available, streamUntil, type Parsing } from './parsing.ts';
import type { ParserState } from './parser-state.ts';
import type { TextCursor } from './text-cursor.ts';

const START = '<|start|>';
const CHANNEL = '<|channel|>';
const MESSAGE = '<|message|>';
const CONSTRAIN = '<|constrain|>';
const ENDS = ['<|end|>', '<|call|>', '<|return|>'];

export const HARMONY_MARKERS: readonly string[] = [START, CHANNEL, MESSAGE, CONSTRAIN, ...ENDS];
/** With these a message's header can begin; anything else is an answer without one. */
const HEADER_STARTS = [START, CHANNEL, MESSAGE, CONSTRAIN, ' to=', 'assistant'];
/** A longer header is none. */
const MAX_HEADER_CHARACTERS = 512;

export function isHarmony(templateSource: string): boolean {
  return [START, CHANNEL, MESSAGE].every((marker) => templateSource.includes(marker));
}

/**
 * OpenAI's harmony, the prompt ending in `<|start|>assistant`: messages of the form
 * `<|channel|>analysis<|message|>...<|end|><|start|>assistant<|channel|>final<|message|>...`. Analysis is reasoning, a recipient
 * (`to=functions.name`) makes a call, anything else is the answer. `tools`: undefined when none were offered.
 */
export function* parseHarmony(cursor: TextCursor, state: ParserState, tools: OfferedTools | undefined): Parsing {
  while (yield* available(cursor, 1)) {
    const header = (yield* beginsHeader(cursor)) ? yield* readHeader(cursor) : { channel: 'final', recipient: undefined };
    if (header === undefined) continue;
    const name = header.recipient?.replace(/^functions\./, '');
    if (tools !== undefined && name !== undefined && (header.recipient !== name || tools.has(name))) {
      yield { kind: 'call', name };
      yield* streamArguments(cursor);
    } else {
      state.inReasoning = header.channel === 'analysis';
      yield* streamUntil(cursor, state.inReasoning ? 'reasoning' : 'text', [...ENDS, START, CHANNEL], false);
      state.inReasoning = false;
    }
  }
}

function* beginsHeader(cursor: TextCursor): Parsing<boolean> {
  while (true) {
    const { pending } = cursor;
    if (HEADER_STARTS.some((start) => pending.startsWith(start))) return true;
    if (cursor.ended || !HEADER_STARTS.some((start) => start.startsWith(pending))) return false;
    yield undefined;
  }
}

/** Undefined: it was no header, and was given back as text. */
function* readHeader(
  cursor: TextCursor,
): Parsing<{ readonly channel: string; readonly recipient: string | undefined } | undefined> {
  const at = cursor.position;
  let text = '';
  while (text.length <= MAX_HEADER_CHARACTERS) {
    const step = cursor.next([MESSAGE]);
    text += step.text;
    if (step.marker !== undefined) {
      return {
        channel: /<\|channel\|>\s*([a-z]+)/.exec(text)?.[1] ?? 'final',
        recipient: /\bto=([^\s<]+)/.exec(text)?.[1],
      };
    }
    if (cursor.ended) break;
    yield undefined;
  }
  // A header that never came to its message says nothing; a longer text was an answer.
  const bare = HARMONY_MARKERS.reduce((rest, marker) => rest.replaceAll(marker, ''), text);
  if (text.length > MAX_HEADER_CHARACTERS && bare.trim() !== '') yield { kind: 'text', text: bare, at };
  return undefined;
}

function* streamArguments(cursor: TextCursor): Parsing {
  let written = false;
  while (true) {
    const step = cursor.next([...ENDS, START, CHANNEL]);
    if (step.text !== '') {
      written = true;
      yield { kind: 'arguments', delta: step.text };
    }
    if (step.marker !== undefined || cursor.ended) break;
    yield undefined;
  }
  if (!written) yield { kind: 'arguments', delta: '{}' };
}
