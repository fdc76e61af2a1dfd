/** What a reader of one notation needs to know: how texts are quoted and which words are values. */
export interface Notation {
  /** Opening quotes with what closes them. */
  readonly quotes: readonly (readonly [open: string, close: string])[];
  /** Backslashes escape inside texts. */
  readonly escapes: boolean;
  /** Between a key and its value. */
  readonly assign: readonly string[];
}

export const PYTHON_NOTATION: Notation = {
  quotes: [
    ['"', '"'],
    ["'", "'"],
  ],
  escapes: true,
  assign: [':', '='],
};

/** Gemma 4: `{city:<|"|>Paris<|"|>,days:3}`. */
export const GEMMA_NOTATION: Notation = { quotes: [['<|"|>', '<|"|>']], escapes: false, assign: [':'] };

const WORDS = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
  ['True', true],
  ['False', false],
  ['None', null],
]);
/** Deeper arguments than this are no arguments. */
const MAX_DEPTH = 64;

/** Reads values of JSON-like notations that are not JSON. Methods throw `SyntaxError` on text that is none. */
export class LiteralReader {
  readonly #text: string;
  readonly #notation: Notation;
  #at = 0;

  constructor(text: string, notation: Notation) {
    this.#text = text;
    this.#notation = notation;
  }

  get atEnd(): boolean {
    this.#space();
    return this.#at >= this.#text.length;
  }

  /** Takes `token` when the text goes on with it. */
  accept(token: string): boolean {
    this.#space();
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  expect(token: string): void {
    if (!this.accept(token)) throw new SyntaxError(`expected ${token}`);
  }

  /** A name: letters, digits and what function names have besides. */
  identifier(): string {
    this.#space();
    const name = /^[\p{L}\p{N}_.$-]+/u.exec(this.#text.slice(this.#at, this.#at + 256))?.[0];
    if (name === undefined) throw new SyntaxError('expected a name');
    this.#at += name.length;
    return name;
  }

  value(depth = 0): unknown {
    if (depth > MAX_DEPTH) throw new SyntaxError('nested too deep');
    const text = this.#quoted();
    if (text !== undefined) return text;
    if (this.accept('{')) return this.entries('}', depth + 1);
    if (this.accept('[')) return this.#items(']', depth + 1);
    if (this.accept('(')) return this.#items(')', depth + 1);
    this.#space();
    const bare = /^[^,\]})\s]+/.exec(this.#text.slice(this.#at))?.[0];
    if (bare === undefined) throw new SyntaxError('expected a value');
    this.#at += bare.length;
    if (WORDS.has(bare)) return WORDS.get(bare);
    const number = Number(bare);
    if (Number.isNaN(number)) throw new SyntaxError(`unknown word ${bare}`);
    return number;
  }

  /** Keys and values up to `close`, which is taken; the opening was taken before. */
  entries(close: string, depth = 0): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    while (!this.accept(close)) {
      if (entries.length > 0) {
        this.expect(',');
        if (this.accept(close)) break;
      }
      const key = this.#quoted() ?? this.identifier();
      if (!this.#notation.assign.some((sign) => this.accept(sign))) throw new SyntaxError('expected a value after a key');
      entries.push([key, this.value(depth)]);
    }
    return Object.fromEntries(entries);
  }

  #items(close: string, depth: number): unknown[] {
    const items: unknown[] = [];
    while (!this.accept(close)) {
      if (items.length > 0) {
        this.expect(',');
        if (this.accept(close)) break;
      }
      items.push(this.value(depth));
    }
    return items;
  }

  #quoted(): string | undefined {
    this.#space();
    const quote = this.#notation.quotes.find(([open]) => this.#text.startsWith(open, this.#at));
    if (quote === undefined) return undefined;
    const [open, close] = quote;
    let at = this.#at + open.length;
    let text = '';
    while (!this.#text.startsWith(close, at)) {
      if (at >= this.#text.length) throw new SyntaxError('text without an end');
      if (this.#notation.escapes && this.#text[at] === '\\') {
        text += unescaped(this.#text.slice(at, at + 2));
        at += 2;
      } else {
        text += this.#text[at] as string;
        at += 1;
      }
    }
    this.#at = at + close.length;
    return text;
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }
}

function unescaped(escape: string): string {
  const letter = escape.slice(1);
  const known = new Map([
    ['n', '\n'],
    ['t', '\t'],
    ['r', '\r'],
    ['\n', ''],
  ]).get(letter);
  return known ?? (/["'\\]/.test(letter) ? letter : escape);
}
