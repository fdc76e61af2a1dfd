import { complement, DIGITS, NOT_LINE_ENDS, setOf, SPACES, union, WORD_CHARACTERS, type CharacterSet } from './character-set.ts';

/** A regular expression without what a grammar cannot say: no look-around, no references back, anchors only at the ends. */
export type PatternNode =
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'sequence'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly options: readonly PatternNode[] }
  | { readonly kind: 'repeat'; readonly item: PatternNode; readonly min: number; readonly max: number | undefined }
  | { readonly kind: 'start' | 'end' };

const MAX_GROUP_DEPTH = 32;
const CLASS_ESCAPES = new Map<string, CharacterSet>([
  ['d', DIGITS],
  ['D', complement(DIGITS)],
  ['w', WORD_CHARACTERS],
  ['W', complement(WORD_CHARACTERS)],
  ['s', SPACES],
  ['S', complement(SPACES)],
]);
const CONTROL_ESCAPES = new Map([
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
  ['f', 12],
  ['0', 0],
]);

/** Throws `SyntaxError` naming what cannot be said or parsed. */
export function parsePattern(source: string): PatternNode {
  const parser = new PatternParser(source);
  const node = parser.choice(0);
  if (!parser.atEnd) throw new SyntaxError('an unmatched )');
  return node;
}

class PatternParser {
  readonly #letters: readonly string[];
  #at = 0;

  constructor(source: string) {
    this.#letters = Array.from(source);
  }

  get atEnd(): boolean {
    return this.#at >= this.#letters.length;
  }

  choice(depth: number): PatternNode {
    if (depth > MAX_GROUP_DEPTH) throw new SyntaxError('groups nested too deep');
    const options = [this.#sequence(depth)];
    while (this.#accept('|')) options.push(this.#sequence(depth));
    return options.length === 1 ? (options[0] as PatternNode) : { kind: 'choice', options };
  }

  #sequence(depth: number): PatternNode {
    const items: PatternNode[] = [];
    while (!this.atEnd && this.#peek() !== '|' && this.#peek() !== ')') items.push(this.#quantified(this.#atom(depth)));
    return items.length === 1 ? (items[0] as PatternNode) : { kind: 'sequence', items };
  }

  #atom(depth: number): PatternNode {
    const letter = this.#next();
    switch (letter) {
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '.':
        return { kind: 'set', set: NOT_LINE_ENDS };
      case '[':
        return { kind: 'set', set: this.#class() };
      case '\\':
        return { kind: 'set', set: this.#escape(false) };
      case '(':
        return this.#group(depth);
      case '*':
      case '+':
      case '?':
        throw new SyntaxError(`nothing to repeat before ${letter}`);
      default:
        return single(letter);
    }
  }

  #group(depth: number): PatternNode {
    if (this.#accept('?')) {
      const kind = this.#next();
      if (kind === '<' && this.#peek() !== '=' && this.#peek() !== '!') {
        while (this.#next() !== '>');
      } else if (kind !== ':') {
        throw new SyntaxError('look-around');
      }
    }
    const node = this.choice(depth + 1);
    if (!this.#accept(')')) throw new SyntaxError('an unclosed group');
    return node;
  }

  #quantified(item: PatternNode): PatternNode {
    const range = this.#quantifier();
    if (range === undefined) return item;
    if (item.kind === 'start' || item.kind === 'end') throw new SyntaxError('a repeated anchor');
    // Lazy or greedy: the same texts match.
    this.#accept('?');
    if (this.#quantifier() !== undefined) throw new SyntaxError('two quantifiers in a row');
    return { kind: 'repeat', item, ...range };
  }

  #quantifier(): { readonly min: number; readonly max: number | undefined } | undefined {
    if (this.#accept('*')) return { min: 0, max: undefined };
    if (this.#accept('+')) return { min: 1, max: undefined };
    if (this.#accept('?')) return { min: 0, max: 1 };
    const written = /^\{(\d+)(,(\d*))?\}/.exec(this.#letters.slice(this.#at, this.#at + 24).join(''));
    if (written === null) return undefined;
    this.#at += written[0].length;
    const min = Number(written[1]);
    const max = written[2] === undefined ? min : written[3] === '' ? undefined : Number(written[3]);
    if (max !== undefined && max < min) throw new SyntaxError('a repetition whose end is before its start');
    return { min, max };
  }

  #class(): CharacterSet {
    const negated = this.#accept('^');
    const sets: CharacterSet[] = [];
    while (!this.#accept(']')) {
      const from = this.#classMember();
      const low = codePointOf(from);
      if (low !== undefined && this.#peek() === '-' && this.#letters[this.#at + 1] !== ']') {
        this.#next();
        const high = codePointOf(this.#classMember());
        if (high === undefined || high < low) throw new SyntaxError('a range out of order');
        sets.push([[low, high]]);
      } else {
        sets.push(from);
      }
    }
    const set = union(...sets);
    return negated ? complement(set) : set;
  }

  #classMember(): CharacterSet {
    const letter = this.#next();
    return letter === '\\' ? this.#escape(true) : setOf([letter.codePointAt(0) as number, letter.codePointAt(0) as number]);
  }

  #escape(inClass: boolean): CharacterSet {
    const letter = this.#next();
    const known = CLASS_ESCAPES.get(letter);
    if (known !== undefined) return known;
    const control = CONTROL_ESCAPES.get(letter) ?? (inClass && letter === 'b' ? 8 : undefined);
    if (control !== undefined) return setOf([control, control]);
    if (letter === 'x' || letter === 'u') {
      const braced = letter === 'u' && this.#accept('{');
      const digits = braced ? this.#through('}') : this.#take(letter === 'x' ? 2 : 4);
      if (!/^[0-9a-fA-F]{1,6}$/.test(digits)) throw new SyntaxError(`a wrong \\${letter} escape`);
      const codePoint = Number.parseInt(digits, 16);
      return setOf([codePoint, codePoint]);
    }
    if (/[a-zA-Z1-9]/.test(letter)) throw new SyntaxError(`\\${letter}`);
    return setOf([letter.codePointAt(0) as number, letter.codePointAt(0) as number]);
  }

  #take(count: number): string {
    return Array.from({ length: count }, () => this.#next()).join('');
  }

  #through(end: string): string {
    let text = '';
    for (let letter = this.#next(); letter !== end; letter = this.#next()) text += letter;
    return text;
  }

  #peek(): string | undefined {
    return this.#letters[this.#at];
  }

  #accept(letter: string): boolean {
    if (this.#letters[this.#at] !== letter) return false;
    this.#at += 1;
    return true;
  }

  #next(): string {
    const letter = this.#letters[this.#at];
    if (letter === undefined) throw new SyntaxError('an unexpected end');
    this.#at += 1;
    return letter;
  }
}

function single(letter: string): PatternNode {
  const codePoint = letter.codePointAt(0) as number;
  return { kind: 'set', set: [[codePoint, codePoint]] };
}

function codePointOf(set: CharacterSet): number | undefined {
  const [first] = set;
  return set.length === 1 && first !== undefined && first[0] === first[1] ? first[0] : undefined;
}
