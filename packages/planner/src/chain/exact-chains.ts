import { chainCost, type Chain } from './chain-problem.ts';
import type { ChainTables } from './chain-tables.ts';
import { countOf, without } from './sets.ts';
import { WindowMinimum } from './window-minimum.ts';

/**
 * The cheapest chain of every length from 1 to `maxStages`, over all subsets and orders of the nodes; undefined at the lengths that
 * have none. Entry `k - 1` has `k` stages.
 *
 * Dynamic programming: the cheapest way to hold everything up to a boundary with a given first node, set of nodes and last node.
 * About n^2 * 2^n * boundaries steps; for up to `PLANNER_LIMITS.exactNodes` nodes.
 */
export function exactChains(tables: ChainTables, maxStages: number): (Chain | undefined)[] {
  const { nodeCount } = tables.problem;
  const best: (Chain | undefined)[] = Array.from({ length: Math.min(maxStages, nodeCount) }, () => undefined);
  for (let node = 0; node < nodeCount; node += 1) {
    if (tables.whole[node] === true) offer(tables, best, [node], [0, tables.end]);
  }
  if (best.length === 1) return best;
  const search = new Search(tables, best);
  for (let first = 0; first < nodeCount; first += 1) search.from(first);
  return best;
}

class Search {
  readonly #tables: ChainTables;
  readonly #best: (Chain | undefined)[];
  readonly #nodeCount: number;
  /** Places a state takes: one a boundary. */
  readonly #stride: number;
  /** By set, last node and boundary. */
  readonly #cost: Float64Array;
  readonly #previousNode: Int8Array;
  readonly #previousBoundary: Int16Array;
  /** By boundary, for the transition at hand: the cheapest way to hand over there, less what the node would have cost up to it. */
  readonly #handover: Float64Array;
  readonly #handoverNode: Int8Array;
  /** Sets that have any chain. */
  readonly #isReached: Uint8Array;

  constructor(tables: ChainTables, best: (Chain | undefined)[]) {
    this.#tables = tables;
    this.#best = best;
    this.#nodeCount = tables.problem.nodeCount;
    this.#stride = tables.end + 1;
    const sets = 2 ** this.#nodeCount;
    const states = sets * this.#nodeCount * this.#stride;
    this.#cost = new Float64Array(states);
    this.#previousNode = new Int8Array(states);
    this.#previousBoundary = new Int16Array(states);
    this.#handover = new Float64Array(this.#stride);
    this.#handoverNode = new Int8Array(this.#stride);
    this.#isReached = new Uint8Array(sets);
  }

  from(first: number): void {
    const { problem, firstReach, costUpTo } = this.#tables;
    const reach = firstReach[first] as number;
    if (reach === 0) return;
    this.#cost.fill(Infinity);
    this.#isReached.fill(0);
    const alone = this.#place(1 << first, first);
    const upTo = costUpTo[first] as Float64Array;
    const fixed = problem.fixedCost(first, false) - (upTo[0] as number);
    for (let to = 1; to <= reach; to += 1) this.#cost[alone + to] = (upTo[to] as number) + fixed;
    this.#isReached[1 << first] = 1;
    for (let set = 1; set < this.#isReached.length; set += 1) {
      if (this.#isReached[set] === 0 || countOf(set) >= this.#best.length) continue;
      for (const node of without(set, this.#nodeCount)) this.#extend(set, node, first);
    }
  }

  /** Adds a stage on `node` to all chains over `set`. */
  #extend(set: number, node: number, first: number): void {
    if (!this.#gatherHandovers(set, node)) return;
    const length = countOf(set) + 1;
    if (length < this.#best.length) this.#holdMiddle(set, node);
    const { problem, end, lastStart, costUpTo } = this.#tables;
    let cheapest = end;
    let least = Infinity;
    for (let from = Math.max(1, lastStart[node] as number); from < end; from += 1) {
      const cost = this.#handover[from] as number;
      if (cost < least) [least, cheapest] = [cost, from];
    }
    if (least === Infinity) return;
    const upTo = costUpTo[node] as Float64Array;
    const cost = least + (upTo[end] as number) + problem.fixedCost(node, true) + problem.returnCost(node, first);
    if (cost < (this.#best[length - 1]?.cost ?? Infinity)) this.#finish(set, node, cheapest);
  }

  /** All chains that end on `node` before the end of the model. */
  #holdMiddle(set: number, node: number): void {
    const { problem, end, start, costUpTo } = this.#tables;
    const starts = start[node] as Int32Array;
    const upTo = costUpTo[node] as Float64Array;
    const fixed = problem.fixedCost(node, false);
    const extended = set | (1 << node);
    const place = this.#place(extended, node);
    const window = new WindowMinimum(this.#handover);
    for (let to = 2; to < end; to += 1) {
      window.include(to - 1);
      window.dropBelow(starts[to] as number);
      const from = window.index;
      if (from < 0) continue;
      this.#cost[place + to] = (this.#handover[from] as number) + (upTo[to] as number) + fixed;
      this.#previousNode[place + to] = this.#handoverNode[from] as number;
      this.#previousBoundary[place + to] = from;
      this.#isReached[extended] = 1;
    }
  }

  /** For every boundary, the cheapest chain over `set` that hands over to `node` there; false when there is none at all. */
  #gatherHandovers(set: number, node: number): boolean {
    const { end, hopCost, costUpTo } = this.#tables;
    const upTo = costUpTo[node] as Float64Array;
    const cost = this.#cost;
    const handover = this.#handover;
    const handoverNode = this.#handoverNode;
    handover.fill(Infinity);
    let any = false;
    for (let last = 0; last < this.#nodeCount; last += 1) {
      const hop = (set & (1 << last)) === 0 ? Infinity : (hopCost[last * this.#nodeCount + node] as number);
      if (hop === Infinity) continue;
      const place = this.#place(set, last);
      for (let boundary = 1; boundary < end; boundary += 1) {
        const value = (cost[place + boundary] as number) + hop;
        if (value >= (handover[boundary] as number)) continue;
        handover[boundary] = value;
        handoverNode[boundary] = last;
        any = true;
      }
    }
    if (any)
      for (let boundary = 1; boundary < end; boundary += 1)
        handover[boundary] = (handover[boundary] as number) - (upTo[boundary] as number);
    return any;
  }

  #finish(set: number, lastNode: number, lastCut: number): void {
    const nodes = [lastNode];
    const cuts = [this.#tables.end, lastCut];
    let node = this.#handoverNode[lastCut] as number;
    let rest = set;
    let boundary = lastCut;
    for (;;) {
      nodes.push(node);
      if (countOf(rest) === 1) break;
      const place = this.#place(rest, node) + boundary;
      rest &= ~(1 << node);
      node = this.#previousNode[place] as number;
      boundary = this.#previousBoundary[place] as number;
      cuts.push(boundary);
    }
    offer(this.#tables, this.#best, nodes.toReversed(), [...cuts, 0].toReversed());
  }

  #place(set: number, last: number): number {
    return (set * this.#nodeCount + last) * this.#stride;
  }
}

function offer(tables: ChainTables, best: (Chain | undefined)[], nodes: readonly number[], cuts: readonly number[]): void {
  const cost = chainCost(tables.problem, nodes, cuts);
  if (cost < (best[nodes.length - 1]?.cost ?? Infinity)) best[nodes.length - 1] = { nodes, cuts, cost };
}
