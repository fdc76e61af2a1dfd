import type { TextCursor } from './text-cursor.ts';

/** What an answer's text turns out to be, in order. `at`: where `text` stands in the raw text, in characters. */
export type AnswerPiece =
  | { readonly kind: 'text'; readonly text: string; readonly at: number }
  | { readonly kind: 'reasoning'; readonly text: string; readonly at: number }
  /** A call begins; its arguments follow as JSON text in `arguments` pieces. */
  | { readonly kind: 'call'; readonly name: string; readonly id?: string }
  | { readonly kind: 'arguments'; readonly delta: string };

/** A parser as a coroutine: yields pieces, and undefined when it needs more text to go on. */
export type Parsing<Result = void> = Generator<AnswerPiece | undefined, Result, void>;

const SPACE = /^\s*/;

/** Waits until `count` characters are there; false when the text ends before. */
export function* available(cursor: TextCursor, count: number): Parsing<boolean> {
  while (cursor.pending.length < count) {
    if (cursor.ended) return false;
    yield undefined;
  }
  return true;
}

/** Takes white space and waits for what follows it; undefined at the end of the text. */
export function* afterSpace(cursor: TextCursor, also = ''): Parsing<string | undefined> {
  while (true) {
    cursor.take(SPACE.exec(cursor.pending)?.[0].length ?? 0);
    const [next] = cursor.pending;
    if (next === undefined) {
      if (cursor.ended) return undefined;
      yield undefined;
    } else if (also.includes(next)) {
      cursor.take(1);
    } else {
      return next;
    }
  }
}

/** Takes the longest of `markers` that the text goes on with; waits while there may be one, or a longer one. */
export function* takeMarker(cursor: TextCursor, markers: readonly string[]): Parsing<string | undefined> {
  while (true) {
    const { pending, ended } = cursor;
    const found = markers.filter((marker) => pending.startsWith(marker)).toSorted((left, right) => right.length - left.length)[0];
    const mayGrow = !ended && markers.some((marker) => marker.length > pending.length && marker.startsWith(pending));
    if (found !== undefined && !mayGrow) {
      cursor.take(found.length);
      return found;
    }
    if (!mayGrow) return undefined;
    yield undefined;
  }
}

/** Takes all text up to one of `markers`, which is taken too; `marker` is undefined when the text ended first. */
export function* textUntil(
  cursor: TextCursor,
  markers: readonly string[],
): Parsing<{ readonly text: string; readonly marker: string | undefined }> {
  let text = '';
  while (true) {
    const step = cursor.next(markers);
    text += step.text;
    if (step.marker !== undefined || cursor.ended) return { text, marker: step.marker };
    yield undefined;
  }
}

/**
 * Text that goes out as it comes, up to one of `markers`. White space before a marker belongs to the marker: it is held back until
 * more text follows, and given back with the marker. `trimStart`: white space at the start is dropped. Undefined: the text ended.
 */
export function* streamUntil(
  cursor: TextCursor,
  kind: 'text' | 'reasoning',
  markers: readonly string[],
  trimStart: boolean,
): Parsing<{ readonly marker: string; readonly space: string } | undefined> {
  let started = !trimStart;
  let held = '';
  while (true) {
    const at = cursor.position - held.length;
    const step = cursor.next(markers);
    const text = held + step.text;
    const leading = started ? 0 : (SPACE.exec(text)?.[0].length ?? 0);
    const bare = text.trimEnd();
    const atEnd = step.marker === undefined && cursor.ended;
    const to = atEnd && kind === 'text' ? text.length : markers.length === 0 ? text.length : bare.length;
    if (to > leading) {
      yield { kind, text: text.slice(leading, to), at: at + leading };
      started = true;
    }
    held = started ? text.slice(to) : '';
    if (step.marker !== undefined) return { marker: step.marker, space: held };
    if (cursor.ended) return undefined;
    yield undefined;
  }
}
