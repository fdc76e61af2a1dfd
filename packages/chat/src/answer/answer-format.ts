import type { ToolCallFormat } from '../tools/tool-call-format.ts';
import { HARMONY_MARKERS } from './harmony.ts';
import type { ReasoningMarkers } from './reasoning-markers.ts';

/** How a model's answers are to be read. */
export interface AnswerFormat {
  /** gpt-oss: every part of an answer is a message with a channel. */
  readonly harmony: boolean;
  readonly reasoning: ReasoningMarkers | undefined;
  /** Undefined: tool calls are not looked for, as when the request offers no tools. */
  readonly calls: ToolCallFormat | undefined;
  /** The request offers tools. */
  readonly callsExpected: boolean;
  /** Markers around the visible answer that say nothing. */
  readonly wrappers: readonly string[];
}

/** Plain text, as completions give it. */
export const PLAIN_ANSWER: AnswerFormat = {
  harmony: false,
  reasoning: undefined,
  calls: undefined,
  callsExpected: false,
  wrappers: [],
};

/** Texts of control tokens that the parser wants to see; all others are dropped from an answer. */
export function markersOf({ harmony, reasoning, calls, wrappers }: AnswerFormat): ReadonlySet<string> {
  return new Set([
    ...(harmony ? HARMONY_MARKERS : []),
    ...(reasoning === undefined ? [] : [reasoning.open, reasoning.close, ...controlPart(reasoning.open)]),
    ...(calls === undefined ? [] : [...calls.openers, ...calls.markers]),
    ...wrappers,
  ]);
}

/** Gemma's marker is a control token and a word: the token alone must come through. */
function controlPart(marker: string): string[] {
  const token = /^<\|[a-z]+>/.exec(marker)?.[0];
  return token === undefined ? [] : [token];
}
