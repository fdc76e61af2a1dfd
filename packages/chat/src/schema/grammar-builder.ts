import { InvalidInputError } from '@pippa/core';
import { joined, ruleName } from './gbnf.ts';
import { MAX_GRAMMAR_CHARACTERS, MAX_GRAMMAR_RULES, MAX_REPETITION } from './limits.ts';

export interface ListItem {
  /** A rule's name. */
  readonly rule: string;
  readonly required: boolean;
}

/** Collects the rules of one GBNF grammar. Names are unique; equal bodies asked for under one name share a rule. */
export class GrammarBuilder {
  readonly #rules = new Map<string, string>([['root', '']]);
  readonly #counts = new Map<string, number>([['root', 1]]);
  readonly #byBody = new Map<string, string>();
  #characters = 0;

  /** Adds a rule under `name` (or a name made of it) and gives the name back. Throws `InvalidInputError` past the grammar's bounds. */
  add(name: string, body: string): string {
    const key = `${ruleName(name)}\n${body}`;
    const known = this.#byBody.get(key);
    if (known !== undefined) return known;
    const added = this.reserve(name);
    this.define(added, body);
    this.#byBody.set(key, added);
    return added;
  }

  /** Takes a name before its body is known, for rules that refer to themselves; `define` follows. */
  reserve(name: string): string {
    const base = ruleName(name);
    const count = (this.#counts.get(base) ?? 0) + 1;
    this.#counts.set(base, count);
    const unique = count === 1 ? base : `${base}-${count}`;
    // `item-2` may be a name of its own.
    if (this.#rules.has(unique)) return this.reserve(`${base}-x`);
    this.#rules.set(unique, '');
    return unique;
  }

  define(name: string, body: string): void {
    this.#rules.set(name, body);
    this.#characters += name.length + body.length;
    if (this.#rules.size > MAX_GRAMMAR_RULES || this.#characters > MAX_GRAMMAR_CHARACTERS) {
      throw new InvalidInputError(
        `The schema needs a grammar of more than ${MAX_GRAMMAR_RULES} rules or ${MAX_GRAMMAR_CHARACTERS} characters.`,
        {
          hint: 'Make the schema smaller: fewer properties, shorter enums, smaller counts.',
        },
      );
    }
  }

  /** `item` (a rule's name) from `min` to `max` times; without `max`, any number. */
  repeat(item: string, min: number, max: number | undefined): string {
    if (max === undefined && min <= 1) return min === 0 ? `${item}*` : `${item}+`;
    if (max === 0) return '""';
    if ((max ?? min) <= MAX_REPETITION) return max === 1 && min === 1 ? item : `${item}{${min},${max ?? ''}}`;
    // Blocks of the largest count that is safe; after a full block comes the rest, so every count has one derivation.
    const block = this.add(`${item}-block`, `${item}{${MAX_REPETITION}}`);
    const rest = (from: number) =>
      this.add(`${item}-rest`, this.repeat(item, from, max === undefined ? undefined : max - MAX_REPETITION));
    if (min >= MAX_REPETITION) return joined(block, rest(min - MAX_REPETITION));
    const short = this.add(`${item}-short`, `${item}{${min},${MAX_REPETITION - 1}}`);
    return `(${short} | ${block} ${rest(0)})`;
  }

  /** Some of `items` in their order with `separator` between them, the required ones always; `more` may follow, any number of times. */
  optionalList(name: string, items: readonly ListItem[], separator: string, more?: string): string {
    // after[i]: what may come from item i on when something was written before.
    const after: string[] = [];
    after[items.length] = more === undefined ? '' : this.add(`${name}-more`, `(${separator} ${more})*`);
    for (let index = items.length - 1; index > 0; index -= 1) {
      const { rule, required } = items[index] as ListItem;
      const written = `${separator} ${rule}`;
      after[index] = this.add(`${name}-rest`, joined(required ? written : `(${written})?`, after[index + 1] as string));
    }
    const firstRequired = items.findIndex((item) => item.required);
    const starts = items
      .slice(0, firstRequired < 0 ? items.length : firstRequired + 1)
      .map(({ rule }, index) => joined(rule, after[index + 1] as string));
    if (firstRequired < 0 && more !== undefined) starts.push(joined(more, after[items.length] as string));
    if (starts.length === 0) return '""';
    return `(${starts.join(' | ')})${firstRequired < 0 ? '?' : ''}`;
  }

  /** The grammar's text with `root` as what it derives. */
  text(root: string): string {
    this.define('root', root);
    return [...this.#rules].map(([name, body]) => `${name} ::= ${body}\n`).join('');
  }
}
