import type { OfferedTools, ToolCallFormat } from '../tools/tool-call-format.ts';
import type { AnswerFormat } from './answer-format.ts';
import { parseHarmony } from './harmony.ts';
import { afterSpace, streamUntil, type AnswerPiece, type Parsing } from './parsing.ts';
import type { ParserState } from './parser-state.ts';
import type { ReasoningMarkers } from './reasoning-markers.ts';
import { TextCursor } from './text-cursor.ts';

export interface AnswerParserOptions {
  readonly format: AnswerFormat;
  readonly tools: OfferedTools;
  /** The prompt opened a reasoning segment. */
  readonly opensInReasoning: boolean;
}

/** Tells reasoning, text and tool calls apart while an answer's text comes in. Every piece goes out as soon as it is certain. */
export class AnswerParser {
  readonly #cursor = new TextCursor();
  readonly #state: ParserState;
  readonly #parsing: Parsing;
  #done = false;

  constructor({ format, tools, opensInReasoning }: AnswerParserOptions) {
    this.#state = { inReasoning: opensInReasoning };
    this.#parsing = format.harmony
      ? parseHarmony(this.#cursor, this.#state, format.callsExpected ? tools : undefined)
      : parseAnswer(this.#cursor, this.#state, format, tools);
  }

  get inReasoning(): boolean {
    return this.#state.inReasoning;
  }

  push(text: string): AnswerPiece[] {
    this.#cursor.push(text);
    return this.#run();
  }

  /** What was held back, when no more text comes. */
  end(): AnswerPiece[] {
    this.#cursor.end();
    return this.#run();
  }

  #run(): AnswerPiece[] {
    const pieces: AnswerPiece[] = [];
    while (!this.#done) {
      const step = this.#parsing.next();
      if (step.done === true) this.#done = true;
      else if (step.value === undefined) break;
      else pieces.push(step.value);
    }
    return pieces;
  }
}

function* parseAnswer(cursor: TextCursor, state: ParserState, format: AnswerFormat, tools: OfferedTools): Parsing {
  const { calls, reasoning, wrappers } = format;
  const reasoned = reasoning !== undefined && (yield* parseReasoning(cursor, state, reasoning));
  if (calls?.bareOpener !== undefined) yield* parseBareCall(cursor, calls, calls.bareOpener, tools);
  const openers = calls?.openers ?? [];
  let trimStart = reasoned;
  while (true) {
    const found = yield* streamUntil(cursor, 'text', [...openers, ...wrappers], trimStart);
    if (found === undefined) return;
    const { marker, space } = found;
    trimStart = true;
    if (calls === undefined || !openers.includes(marker)) continue;
    cursor.record(space + marker);
    yield* calls.parse(cursor, marker, tools);
  }
}

/**
 * Reasoning at the start of an answer, where the prompt opened it or the model does. True when there was any. A closing marker
 * without an opening one there means that the model was told not to think.
 */
function* parseReasoning(cursor: TextCursor, state: ParserState, { open, close }: ReasoningMarkers): Parsing<boolean> {
  let found = state.inReasoning;
  let inside = state.inReasoning;
  while (true) {
    if (inside) {
      state.inReasoning = true;
      const found = yield* streamUntil(cursor, 'reasoning', [close], true);
      state.inReasoning = false;
      if (found === undefined) return true;
    }
    const marker = yield* peekMarker(cursor, [open, close]);
    if (marker === undefined) return found;
    found = true;
    inside = marker === open;
  }
}

/** Takes a marker that comes next, white space before it included; leaves everything else, white space too. */
function* peekMarker(cursor: TextCursor, markers: readonly string[]): Parsing<string | undefined> {
  while (true) {
    const { pending } = cursor;
    const text = pending.trimStart();
    const marker = markers.find((candidate) => text.startsWith(candidate));
    if (marker !== undefined) {
      cursor.take(pending.length - text.length + marker.length);
      return marker;
    }
    if (cursor.ended || !markers.some((candidate) => candidate.startsWith(text))) return undefined;
    yield undefined;
  }
}

/** An answer that is a call from its first letter on, without a marker. */
function* parseBareCall(cursor: TextCursor, calls: ToolCallFormat, opener: string, tools: OfferedTools): Parsing {
  const { pending } = cursor;
  if (pending.trimStart() !== '' && !pending.trimStart().startsWith(opener)) return;
  cursor.record();
  const next = yield* afterSpace(cursor);
  if (next === opener[0]) {
    yield* calls.parse(cursor, opener, tools);
    return;
  }
  const space = cursor.recorded();
  if (space.text !== '') yield { kind: 'text', text: space.text, at: space.at };
}
