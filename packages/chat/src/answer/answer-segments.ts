/** A stretch of an answer. `call`: the whole inside of a tool call, given when it is complete. */
export interface AnswerSegment {
  readonly kind: 'text' | 'reasoning' | 'call';
  readonly text: string;
}

type State = AnswerSegment['kind'];

const THINK = { open: '<think>', close: '</think>' };
const CALL = { open: '<tool_call>', close: '</tool_call>' };

/** Texts that the segments are told apart by: their tokens must not be dropped as control tokens. */
export const SEGMENT_MARKERS: ReadonlySet<string> = new Set([THINK.open, THINK.close, CALL.open, CALL.close]);

/**
 * Tells reasoning and tool calls (as Hermes and Qwen write them) from an answer's text while it streams. Holds back what may still be
 * the beginning of a marker, and a call until it is complete.
 */
export class AnswerSegments {
  readonly #callsExpected: boolean;
  #state: State;
  #pending = '';

  constructor(options: { readonly reasoning: boolean; readonly calls: boolean }) {
    this.#state = options.reasoning ? 'reasoning' : 'text';
    this.#callsExpected = options.calls;
  }

  push(text: string): AnswerSegment[] {
    this.#pending += text;
    const segments: AnswerSegment[] = [];
    for (let more = true; more;) more = this.#advance(segments);
    return segments;
  }

  /** What is left when the answer ends. An unfinished call is text after all: nothing is lost. */
  end(): AnswerSegment[] {
    const text = this.#state === 'call' ? CALL.open + this.#pending : this.#pending;
    this.#pending = '';
    return text === '' ? [] : [{ kind: this.#state === 'reasoning' ? 'reasoning' : 'text', text }];
  }

  #advance(segments: AnswerSegment[]): boolean {
    const exits = this.#exits();
    const found = exits
      .map(({ marker, next }) => ({ at: this.#pending.indexOf(marker), marker, next }))
      .filter(({ at }) => at >= 0)
      .toSorted((a, b) => a.at - b.at)[0];
    if (found === undefined) {
      if (this.#state === 'call') return false;
      const held = heldLength(
        this.#pending,
        exits.map(({ marker }) => marker),
      );
      this.#emit(segments, this.#pending.slice(0, this.#pending.length - held));
      this.#pending = this.#pending.slice(this.#pending.length - held);
      return false;
    }
    this.#emit(segments, this.#pending.slice(0, found.at));
    this.#pending = this.#pending.slice(found.at + found.marker.length);
    this.#state = found.next;
    return this.#pending !== '';
  }

  #exits(): readonly { readonly marker: string; readonly next: State }[] {
    if (this.#state === 'reasoning') return [{ marker: THINK.close, next: 'text' }];
    if (this.#state === 'call') return [{ marker: CALL.close, next: 'text' }];
    const think = { marker: THINK.open, next: 'reasoning' } as const;
    return this.#callsExpected ? [think, { marker: CALL.open, next: 'call' }] : [think];
  }

  #emit(segments: AnswerSegment[], text: string): void {
    if (text !== '') segments.push({ kind: this.#state, text });
  }
}

/** Length of the longest end of `text` that one of the markers begins with. */
function heldLength(text: string, markers: readonly string[]): number {
  const longest = Math.max(0, ...markers.map((marker) => marker.length)) - 1;
  for (let length = Math.min(longest, text.length); length > 0; length -= 1) {
    const suffix = text.slice(text.length - length);
    if (markers.some((marker) => marker.startsWith(suffix))) return length;
  }
  return 0;
}
