import type { ControlTexts } from './control-texts.ts';

const FIRST_PRIVATE = 0xe000;
const PRIVATE_COUNT = 0x1900;
/**
 * Long enough that no text contains it by chance. A text that contains it on purpose gains nothing: the sentinel is removed, and a
 * control text that arises from that is cut like any other.
 */
const SENTINEL_LENGTH = 3;

/**
 * Keeps text from requests from becoming control tokens. Where a request's text contains (or could complete) the text of a control
 * token, a few private-use characters are put inside; the template then renders as usual, and the rendered text
 * is cut at these characters, so that no piece holds the control text as a whole. Ordinary text is left alone and tokenized whole.
 */
export class UntrustedText {
  readonly #controls: ControlTexts;
  readonly #sentinel: string;
  #used = false;

  /** `randomSeed`: unsigned 32-bit numbers. */
  constructor(controls: ControlTexts, randomSeed: () => number) {
    this.#controls = controls;
    this.#sentinel = String.fromCharCode(
      ...Array.from({ length: SENTINEL_LENGTH }, () => FIRST_PRIVATE + (randomSeed() % PRIVATE_COUNT)),
    );
  }

  /** `text` with every control text in it broken, except those in `allowed`. */
  protect(text: string, allowed: ReadonlySet<string> = new Set()): string {
    const cuts = new Set<number>();
    for (const { from, to } of this.#controls.occurrences(text)) {
      if (!allowed.has(text.slice(from, to))) cuts.add(from + ((text.codePointAt(from) as number) > 0xffff ? 2 : 1));
    }
    // Templates trim; what could be completed is judged as if they had.
    const start = text.length - text.trimStart().length;
    const end = text.trimEnd().length;
    if (end > start) {
      const trimmed = text.slice(start, end);
      if (this.#controls.endsAtStart(trimmed)) cuts.add(start);
      if (this.#controls.beginsAtEnd(trimmed)) cuts.add(end);
    }
    if (cuts.size === 0) return text;
    this.#used = true;
    const positions = [0, ...[...cuts].toSorted((left, right) => left - right), text.length];
    return positions
      .slice(1)
      .map((to, index) => text.slice(positions[index], to))
      .join(this.#sentinel);
  }

  /** The rendered text without sentinels, in pieces that are to be tokenized apart: one piece unless a control text would arise. */
  pieces(rendered: string): string[] {
    if (!this.#used) return [rendered];
    // `tojson` with `ensure_ascii` writes it escaped.
    const escaped = Array.from(this.#sentinel, (character) => `\\u${character.charCodeAt(0).toString(16)}`).join('');
    const parts = rendered.replaceAll(escaped, this.#sentinel).split(this.#sentinel);
    const whole = parts.join('');
    const ranges = this.#controls.occurrences(whole);
    const pieces: string[] = [];
    let piece = '';
    let position = 0;
    let nextRange = 0;
    let coveredTo = 0;
    for (const [index, part] of parts.entries()) {
      for (let range = ranges[nextRange]; range !== undefined && range.from < position; range = ranges[nextRange]) {
        coveredTo = Math.max(coveredTo, range.to);
        nextRange += 1;
      }
      if (index > 0 && position < coveredTo) {
        pieces.push(piece);
        piece = '';
      }
      piece += part;
      position += part.length;
    }
    pieces.push(piece);
    return pieces.filter((text) => text !== '');
  }
}
