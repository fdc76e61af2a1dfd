import { randomOf } from '../../../packages/ring/test/support/random.ts';

/** Numbers that a seed decides. */
export class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = randomOf(seed);
  }

  /** From 0 to 1, 1 excluded. */
  share(): number {
    return this.#next();
  }

  below(count: number): number {
    return Math.floor(this.#next() * count);
  }

  between(least: number, most: number): number {
    return least + this.#next() * (most - least);
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  shuffled<Item>(items: readonly Item[]): readonly Item[] {
    return items
      .map((item) => ({ item, at: this.#next() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ item }) => item);
  }
}

/** The item at a share of the list that was drawn before it was known how long it would be. */
export function pick<Item>(items: readonly Item[], share: number): Item | undefined {
  return items[Math.floor(share * items.length)];
}
