import { characterClass, literal } from './gbnf.ts';
import type { GrammarBuilder } from './grammar-builder.ts';

/**
 * Name of a rule for any text up to and with `end`, which the text does not contain before: an automaton that remembers how much of
 * `end` was read last.
 */
export function untilText(builder: GrammarBuilder, end: string): string {
  const letters = Array.from(end);
  const alphabet = [...new Set(letters)];
  const others = characterClass(
    alphabet.map((letter) => [letter.codePointAt(0) as number, letter.codePointAt(0) as number]),
    true,
  );
  const states = letters.map(() => builder.reserve('until'));
  for (const [state, name] of states.entries()) {
    const moves = alphabet.map((letter) => {
      const next = matchedLength([...letters.slice(0, state), letter], letters);
      return next === letters.length ? literal(letter) : `${literal(letter)} ${states[next] as string}`;
    });
    builder.define(name, [...moves, `${others} ${states[0] as string}`].join(' | '));
  }
  return states[0] as string;
}

/** Length of the longest beginning of `end` that `read` ends with. */
function matchedLength(read: readonly string[], end: readonly string[]): number {
  for (let length = Math.min(read.length, end.length); length > 0; length -= 1) {
    if (read.slice(read.length - length).every((letter, index) => letter === end[index])) return length;
  }
  return 0;
}
