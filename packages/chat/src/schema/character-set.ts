import { characterClass, literal } from './gbnf.ts';
import type { GrammarBuilder } from './grammar-builder.ts';

/** Code points, as sorted inclusive ranges that do not touch. */
export type CharacterSet = readonly (readonly [from: number, to: number])[];

const LAST = 0x10ffff;

export function setOf(...ranges: readonly (readonly [from: number, to: number])[]): CharacterSet {
  const merged: [number, number][] = [];
  for (const [from, to] of ranges.toSorted((left, right) => left[0] - right[0])) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

export const union = (...sets: readonly CharacterSet[]): CharacterSet => setOf(...sets.flat());

export function complement(set: CharacterSet): CharacterSet {
  const ranges: [number, number][] = [];
  let next = 0;
  for (const [from, to] of set) {
    if (from > next) ranges.push([next, from - 1]);
    next = to + 1;
  }
  if (next <= LAST) ranges.push([next, LAST]);
  return ranges;
}

const intersection = (left: CharacterSet, right: CharacterSet): CharacterSet =>
  complement(union(complement(left), complement(right)));

const range = (from: string, to: string): readonly [number, number] => [from.codePointAt(0) as number, to.codePointAt(0) as number];

export const DIGITS = setOf(range('0', '9'));
export const WORD_CHARACTERS = setOf(range('a', 'z'), range('A', 'Z'), range('0', '9'), range('_', '_'));
/** What `\s` means in a regular expression. */
export const SPACES = setOf(
  [9, 13],
  [32, 32],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
);
/** What `.` means. */
export const NOT_LINE_ENDS = complement(setOf([10, 10], [13, 13], [0x2028, 0x2029]));

/** Characters that a JSON text writes as they are. */
const WRITTEN_PLAIN = complement(setOf([0, 0x1f], [0x22, 0x22], [0x5c, 0x5c], [0x7f, 0x7f], [0xd800, 0xdfff]));
/** Characters that a JSON text writes with a letter after a backslash. */
const ESCAPED: readonly (readonly [codePoint: number, escape: string])[] = [
  [0x22, '\\"'],
  [0x5c, '\\\\'],
  [0x0a, '\\n'],
  [0x0d, '\\r'],
  [0x09, '\\t'],
  [0x08, '\\b'],
  [0x0c, '\\f'],
];

/** Body of a rule for one character of the set as a JSON text writes it; undefined when it writes none of them. */
export function writtenCharacter(set: CharacterSet): string | undefined {
  const plain = intersection(set, WRITTEN_PLAIN);
  const escapes = ESCAPED.filter(([codePoint]) => set.some(([from, to]) => from <= codePoint && codePoint <= to));
  const parts = [...(plain.length > 0 ? [characterClass(plain)] : []), ...escapes.map(([, escape]) => literal(escape))];
  return parts.length === 0 ? undefined : parts.join(' | ');
}

/** Name of a rule for one character of the set. */
export function characterRule(builder: GrammarBuilder, set: CharacterSet): string | undefined {
  const body = writtenCharacter(set);
  return body === undefined ? undefined : builder.add('set', body);
}
