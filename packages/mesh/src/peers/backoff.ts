/** Doubling waits with up to a quarter of chance on top, so that nodes which failed together don't come back together. */
export function backoffMs(attempt: number, firstMs: number, maxMs: number, random: () => number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 20)) * (1 + random() / 4);
}
