/** A small GBNF reader for tests: derives random texts of a grammar, and tells whether it derives a given one. */
type Symbol =
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'group'; readonly options: readonly (readonly Symbol[])[] }
  | { readonly kind: 'repeat'; readonly item: Symbol; readonly min: number; readonly max: number };

export type Grammar = ReadonlyMap<string, readonly (readonly Symbol[])[]>;

export function parseGrammar(text: string): Grammar {
  const rules = new Map<string, readonly (readonly Symbol[])[]>();
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const [, name = '', body = ''] = /^([a-zA-Z0-9-]+) ::= ?(.*)$/.exec(line) ?? [];
    if (name === '') throw new Error(`not a rule: ${line}`);
    if (rules.has(name)) throw new Error(`rule defined twice: ${name}`);
    const reader = new Reader(body);
    rules.set(name, reader.options());
    if (!reader.atEnd) throw new Error(`left over in ${line}`);
  }
  for (const options of rules.values()) for (const option of options) for (const symbol of option) checkNames(symbol, rules);
  return rules;
}

function checkNames(symbol: Symbol, rules: Grammar): void {
  if (symbol.kind === 'rule' && !rules.has(symbol.name)) throw new Error(`undefined rule ${symbol.name}`);
  if (symbol.kind === 'repeat') checkNames(symbol.item, rules);
  if (symbol.kind === 'group') for (const option of symbol.options) for (const inside of option) checkNames(inside, rules);
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    this.#space();
    return this.#at >= this.#text.length;
  }

  options(): (readonly Symbol[])[] {
    const options: (readonly Symbol[])[] = [this.#sequence()];
    while (this.#accept('|')) options.push(this.#sequence());
    return options;
  }

  #sequence(): readonly Symbol[] {
    const symbols: Symbol[] = [];
    for (this.#space(); this.#at < this.#text.length && !'|)'.includes(this.#text[this.#at] as string); this.#space()) {
      symbols.push(...this.#symbol());
    }
    return symbols;
  }

  #symbol(): Symbol[] {
    if (this.#accept('"')) {
      const letters: Symbol[] = [];
      while (!this.#acceptHere('"')) {
        const letter = this.#character();
        letters.push({ kind: 'class', negated: false, ranges: [[letter, letter]] });
      }
      return letters.length > 0 ? [...letters.slice(0, -1), ...this.#repeated(letters.at(-1) as Symbol)] : [];
    }
    if (this.#accept('[')) {
      const negated = this.#acceptHere('^');
      const ranges: [number, number][] = [];
      while (!this.#acceptHere(']')) {
        const from = this.#character();
        const isRange = this.#text[this.#at] === '-' && this.#text[this.#at + 1] !== ']';
        if (isRange) this.#at += 1;
        ranges.push([from, isRange ? this.#character() : from]);
      }
      return this.#repeated({ kind: 'class', negated, ranges });
    }
    if (this.#accept('(')) {
      const options = this.options();
      if (!this.#accept(')')) throw new Error(`unclosed group at ${this.#at} in ${this.#text}`);
      return this.#repeated({ kind: 'group', options });
    }
    const name = /^[a-zA-Z0-9-]+/.exec(this.#text.slice(this.#at))?.[0];
    if (name === undefined) throw new Error(`unexpected ${this.#text.slice(this.#at, this.#at + 20)}`);
    this.#at += name.length;
    return this.#repeated({ kind: 'rule', name });
  }

  #repeated(item: Symbol): Symbol[] {
    if (this.#accept('*')) return [{ kind: 'repeat', item, min: 0, max: Infinity }];
    if (this.#accept('+')) return [{ kind: 'repeat', item, min: 1, max: Infinity }];
    if (this.#accept('?')) return [{ kind: 'repeat', item, min: 0, max: 1 }];
    const counts = /^\{(\d+)(,(\d*))?\}/.exec(this.#text.slice(this.#at));
    if (counts === null) return [item];
    this.#at += counts[0].length;
    const min = Number(counts[1]);
    const max = counts[2] === undefined ? min : counts[3] === '' ? Infinity : Number(counts[3]);
    if (Math.max(min, max === Infinity ? 0 : max) >= 2000) throw new Error('the engine refuses repetitions of 2000');
    return [{ kind: 'repeat', item, min, max }];
  }

  #character(): number {
    if (this.#text[this.#at] !== '\\') {
      const codePoint = this.#text.codePointAt(this.#at);
      if (codePoint === undefined) throw new Error('unexpected end');
      this.#at += codePoint > 0xffff ? 2 : 1;
      return codePoint;
    }
    const letter = this.#text[this.#at + 1] as string;
    const width = { x: 2, u: 4, U: 8 }[letter];
    this.#at += 2 + (width ?? 0);
    if (width !== undefined) return Number.parseInt(this.#text.slice(this.#at - width, this.#at), 16);
    const known = { n: 10, r: 13, t: 9 }[letter] ?? ('"\\[]-'.includes(letter) ? letter.charCodeAt(0) : undefined);
    if (known === undefined) throw new Error(`the engine knows no escape \\${letter}`);
    return known;
  }

  #accept(text: string): boolean {
    this.#space();
    return this.#acceptHere(text);
  }

  #acceptHere(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }
}

/** A text of the grammar. `random` gives numbers in [0, 1). Past `budget` symbols the shortest ways are taken. */
export function derive(grammar: Grammar, random: () => number, budget = 300): string {
  const costs = shortestCosts(grammar);
  let left = budget;
  const output: string[] = [];
  const stack: Symbol[] = [{ kind: 'rule', name: 'root' }];
  while (stack.length > 0) {
    const symbol = stack.pop() as Symbol;
    left -= 1;
    if (left < -20_000) throw new Error('the derivation does not end');
    if (symbol.kind === 'class') output.push(String.fromCodePoint(pickCharacter(symbol, random)));
    else if (symbol.kind === 'repeat') {
      const most = Math.min(symbol.max, symbol.min + 3);
      const count = left > 0 ? symbol.min + Math.floor(random() * (most - symbol.min + 1)) : symbol.min;
      for (let index = 0; index < count; index += 1) stack.push(symbol.item);
    } else {
      const options = symbol.kind === 'group' ? symbol.options : (grammar.get(symbol.name) as readonly (readonly Symbol[])[]);
      const chosen =
        left > 0
          ? (options[Math.floor(random() * options.length)] as readonly Symbol[])
          : options.reduce((best, option) => (costOf(option, costs) < costOf(best, costs) ? option : best));
      stack.push(...chosen.toReversed());
    }
  }
  return output.join('');
}

function pickCharacter({ negated, ranges }: Symbol & { kind: 'class' }, random: () => number): number {
  if (!negated) {
    const [from, to] = ranges[Math.floor(random() * ranges.length)] as readonly [number, number];
    return from + Math.floor(random() * Math.min(to - from + 1, 400));
  }
  for (let tries = 0; tries < 1000; tries += 1) {
    const candidate = [0x20 + Math.floor(random() * 95), 0xe9, 0x4e2d, 0x1f600][
      random() < 0.85 ? 0 : 1 + Math.floor(random() * 3)
    ] as number;
    if (!ranges.some(([from, to]) => from <= candidate && candidate <= to)) return candidate;
  }
  return 0x1f600;
}

function shortestCosts(grammar: Grammar): Map<string, number> {
  const costs = new Map([...grammar.keys()].map((name) => [name, Infinity]));
  for (let changed = true; changed;) {
    changed = false;
    for (const [name, options] of grammar) {
      const cost = 1 + Math.min(...options.map((option) => costOf(option, costs)));
      if (cost < (costs.get(name) as number)) {
        costs.set(name, cost);
        changed = true;
      }
    }
  }
  return costs;
}

function costOf(symbols: readonly Symbol[], costs: ReadonlyMap<string, number>): number {
  return symbols.reduce((sum, symbol) => {
    if (symbol.kind === 'class') return sum + 1;
    if (symbol.kind === 'rule') return sum + (costs.get(symbol.name) as number);
    if (symbol.kind === 'group') return sum + Math.min(...symbol.options.map((option) => costOf(option, costs)));
    return sum + (symbol.min === 0 ? 0 : symbol.min * costOf([symbol.item], costs));
  }, 0);
}

interface Stack {
  readonly symbol: Symbol;
  readonly below: Stack | undefined;
}

/** Whether the grammar derives exactly `text`. */
export function matches(grammar: Grammar, text: string): boolean {
  let stacks = expand(grammar, [{ symbol: { kind: 'rule', name: 'root' }, below: undefined }]);
  for (const character of text) {
    const codePoint = character.codePointAt(0) as number;
    const next = stacks
      .filter((stack): stack is Stack => stack !== undefined && accepts(stack.symbol, codePoint))
      .map((stack) => stack.below);
    stacks = expand(grammar, next);
    if (stacks.length === 0) return false;
  }
  return stacks.includes(undefined);
}

function accepts(symbol: Symbol, codePoint: number): boolean {
  return symbol.kind === 'class' && symbol.ranges.some(([from, to]) => from <= codePoint && codePoint <= to) !== symbol.negated;
}

/** Stacks with a character class on top; undefined is the end of the text. */
function expand(grammar: Grammar, stacks: readonly (Stack | undefined)[]): (Stack | undefined)[] {
  const result: (Stack | undefined)[] = stacks.includes(undefined) ? [undefined] : [];
  const pending = stacks.filter((stack) => stack !== undefined);
  const seen = new Set<string>();
  for (let stack = pending.pop(); stack !== undefined; stack = pending.pop()) {
    const key = keyOf(stack);
    if (seen.has(key)) continue;
    seen.add(key);
    const { symbol, below } = stack;
    const push = (symbols: readonly Symbol[]) => {
      const top = symbols.reduceRight<Stack | undefined>((rest, item) => ({ symbol: item, below: rest }), below);
      if (top !== undefined) pending.push(top);
      else if (!result.includes(undefined)) result.push(undefined);
    };
    if (symbol.kind === 'class') result.push(stack);
    else if (symbol.kind === 'group') symbol.options.forEach(push);
    else if (symbol.kind === 'rule') (grammar.get(symbol.name) as readonly (readonly Symbol[])[]).forEach(push);
    else {
      if (symbol.min === 0) push([]);
      if (symbol.max > 0) push([symbol.item, { ...symbol, min: Math.max(0, symbol.min - 1), max: symbol.max - 1 }]);
    }
  }
  return result;
}

const identifiers = new WeakMap<object, number>();
let nextIdentifier = 0;

function identifierOf(value: object): number {
  let known = identifiers.get(value);
  if (known === undefined) identifiers.set(value, (known = nextIdentifier += 1));
  return known;
}

function keyOf(stack: Stack): string {
  const parts: string[] = [];
  for (let at: Stack | undefined = stack; at !== undefined; at = at.below) {
    const { symbol } = at;
    parts.push(
      symbol.kind === 'repeat' ? `${identifierOf(symbol.item)}{${symbol.min},${symbol.max}}` : String(identifierOf(symbol)),
    );
  }
  return parts.join(' ');
}
