/**
 * Layer boundaries `[0, ..., layers]` of `stages` stages, cut only where allowed, so that the slowest stage has as little to do as
 * possible. Undefined when the allowed cuts don't yield so many stages.
 * `costs`: what each layer takes, in any unit; `allowed`: ascending, each `1 .. layers - 1`.
 */
export function chooseCuts(costs: readonly number[], allowed: readonly number[], stages: number): number[] | undefined {
  const boundaries = [0, ...allowed, costs.length];
  const before = [0];
  for (const cost of costs) before.push((before.at(-1) ?? 0) + cost);
  const cost = (from: number, to: number): number => (before[to] ?? 0) - (before[from] ?? 0);

  // best[i]: the cheapest way to reach boundary i with the stages so far.
  let best = boundaries.map((to, index): Plan | undefined => (index === 0 ? undefined : { slowest: cost(0, to), cuts: [0, to] }));
  for (let stage = 1; stage < stages; stage += 1) {
    best = boundaries.map((to, index) => {
      let cheapest: Plan | undefined;
      for (const previous of best.slice(0, index)) {
        if (previous === undefined) continue;
        const slowest = Math.max(previous.slowest, cost(previous.cuts.at(-1) ?? 0, to));
        if (slowest < (cheapest?.slowest ?? Infinity)) cheapest = { slowest, cuts: [...previous.cuts, to] };
      }
      return cheapest;
    });
  }
  return best.at(-1)?.cuts;
}

/**
 * What each layer takes, in bytes read: they stand for time. The head, which the last stage computes, is read for every token of an answer
 * but once for a whole prompt, so that it counts half; the embeddings are hardly read at all.
 */
export function layerCosts(layerBytes: readonly number[], headBytes: number): number[] {
  return layerBytes.map((bytes, layer) => bytes + (layer === layerBytes.length - 1 ? headBytes / 2 : 0));
}

interface Plan {
  readonly slowest: number;
  readonly cuts: number[];
}
