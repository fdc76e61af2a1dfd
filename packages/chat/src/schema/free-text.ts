import { characterClass, literal } from './gbnf.ts';
import type { GrammarBuilder } from './grammar-builder.ts';

/**
 * Name of a rule for any text that holds none of `markers`, followed by `tail` (a rule's name): an automaton that remembers how much of
 * a marker was read last, and that may leave for `tail` anywhere.
 */
export function freeText(builder: GrammarBuilder, markers: readonly string[], tail: string): string {
  const alphabet = [...new Set(markers.flatMap((marker) => Array.from(marker)))];
  const others = characterClass(
    alphabet.map((letter) => [letter.codePointAt(0) as number, letter.codePointAt(0) as number]),
    true,
  );
  const begun = new Set(
    markers.flatMap((marker) => Array.from(marker, (_, length) => Array.from(marker).slice(0, length).join(''))),
  );
  const rules = new Map([...begun].map((read) => [read, builder.reserve('free')]));
  const start = rules.get('') ?? builder.reserve('free');
  for (const [read, name] of rules) {
    const moves = alphabet
      .filter((letter) => !markers.some((marker) => (read + letter).endsWith(marker)))
      .map((letter) => `${literal(letter)} ${rules.get(longestBegun(read + letter, begun)) ?? start}`);
    builder.define(name, [...moves, `${others} ${start}`, tail].join(' | '));
  }
  return start;
}

/** The longest end of `read` with which a marker begins. */
function longestBegun(read: string, begun: ReadonlySet<string>): string {
  const letters = Array.from(read);
  for (let from = 0; from < letters.length; from += 1) {
    const end = letters.slice(from).join('');
    if (begun.has(end)) return end;
  }
  return '';
}
