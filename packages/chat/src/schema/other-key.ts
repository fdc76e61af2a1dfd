import { addText, emptyTrie, type TrieNode } from '../text/trie.ts';
import { characterClass, joined, literal } from './gbnf.ts';
import type { GrammarBuilder } from './grammar-builder.ts';
import type { JsonRules } from './json-rules.ts';

/** Characters that a key written by this rule never has: they would need an escape, and an escape could spell a declared key. */
const NEEDS_ESCAPE: readonly (readonly [number, number])[] = [
  [0x22, 0x22],
  [0x5c, 0x5c],
  [0, 0x1f],
  [0x7f, 0x7f],
];

/** Name of a rule for a quoted key that is none of `keys`. */
export function otherKey(builder: GrammarBuilder, rules: JsonRules, keys: readonly string[]): string {
  const root = emptyTrie();
  for (const key of keys) addText(root, key);
  const rest = builder.add('key-rest', `${rules.plainCharacter()}*`);
  return builder.add('other-key', `"\\"" ${differing(builder, root, rest)} "\\""`);
}

/** What may follow where the keys' beginnings are alike up to `node`. */
function differing(builder: GrammarBuilder, node: TrieNode, rest: string): string {
  const letters = [...node.next.keys()];
  const excluded = letters.map((letter): [number, number] => [letter.codePointAt(0) as number, letter.codePointAt(0) as number]);
  const followed = [...node.next]
    .filter(([letter]) => !/["\\\p{Cc}]/u.test(letter))
    .map(([letter, next]) => joined(literal(letter), differing(builder, next, rest)));
  const other = joined(characterClass([...NEEDS_ESCAPE, ...excluded], true), rest);
  return builder.add('differing', [...followed, other].join(' | ')) + (node.end ? '' : '?');
}
