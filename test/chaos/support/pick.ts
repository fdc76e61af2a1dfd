/** The item at a share of the list that was drawn before it was known how long it would be. */
export function pick<Item>(items: readonly Item[], share: number): Item | undefined {
  return items[Math.floor(share * items.length)];
}
