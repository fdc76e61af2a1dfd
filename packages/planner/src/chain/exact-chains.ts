import { chainCost, type Chain } from './chain-problem.ts';
import type { ChainTables } from './chain-tables.ts';
import { countOf, without } from './sets.ts';
import { WindowMinimum } from './window-minimum.ts';

const NONE = -1;

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
  /** By boundary, for the transition at hand: the cheapest way to hand over there. */
  readonly #handover: Float64Array;
  readonly #handoverNode: Int8Array;

  constructor(tables: ChainTables, best: (Chain | undefined)[]) {
    this.#tables = tables;
    this.#best = best;
    this.#nodeCount = tables.problem.nodeCount;
    this.#stride = tables.end + 1;
    const states = 2 ** this.#nodeCount * this.#nodeCount * this.#stride;
    this.#cost = new Float64Array(states);
    this.#previousNode = new Int8Array(states);
    this.#previousBoundary = new Int16Array(states);
    this.#handover = new Float64Array(this.#stride);
    this.#handoverNode = new Int8Array(this.#stride);
  }

  from(first: number): void {
    const { problem, end } = this.#tables;
    this.#cost.fill(Infinity);
    if (this.#tables.whole[first] === true) this.#offer([first], [0, end]);
    const alone = this.#place(1 << first, first);
    for (let to = 1; to <= (this.#tables.firstReach[first] ?? 0); to += 1) {
      this.#cost[alone + to] = problem.costUpTo(first, to) - problem.costUpTo(first, 0) + problem.fixedCost(first, false);
    }
    for (let set = 1; set < 2 ** this.#nodeCount; set += 1) {
      if ((set & (1 << first)) === 0 || countOf(set) >= this.#best.length) continue;
      for (const node of without(set, this.#nodeCount)) this.#extend(set, node, first);
    }
  }

  /** Adds a stage on `node` to all chains over `set`. */
  #extend(set: number, node: number, first: number): void {
    if (!this.#gatherHandovers(set, node)) return;
    const { problem, end, start, lastStart } = this.#tables;
    const mayGrow = countOf(set) + 1 < this.#best.length;
    const fixed = problem.fixedCost(node, false);
    const place = this.#place(set | (1 << node), node);
    const window = new WindowMinimum(this.#handover);
    const starts = start[node] ?? new Int32Array();
    for (let to = 2; mayGrow && to < end; to += 1) {
      window.include(to - 1);
      window.dropBelow(starts[to] ?? to);
      const from = window.index;
      if (from === NONE) continue;
      this.#cost[place + to] = (this.#handover[from] ?? Infinity) + problem.costUpTo(node, to) + fixed;
      this.#previousNode[place + to] = this.#handoverNode[from] ?? NONE;
      this.#previousBoundary[place + to] = from;
    }
    let cheapest = NONE;
    for (let from = Math.max(1, lastStart[node] ?? end); from < end; from += 1) {
      if ((this.#handover[from] ?? Infinity) < (cheapest === NONE ? Infinity : (this.#handover[cheapest] ?? Infinity)))
        cheapest = from;
    }
    if (cheapest === NONE) return;
    const cost =
      (this.#handover[cheapest] ?? Infinity) +
      problem.costUpTo(node, end) +
      problem.fixedCost(node, true) +
      problem.returnCost(node, first);
    if (cost < (this.#best[countOf(set)]?.cost ?? Infinity)) this.#finish(set, node, cheapest);
  }

  /** For every boundary, the cheapest chain over `set` that hands over to `node` there; false when there is none at all. */
  #gatherHandovers(set: number, node: number): boolean {
    const { problem, end } = this.#tables;
    this.#handover.fill(Infinity);
    let any = false;
    for (let last = 0; last < this.#nodeCount; last += 1) {
      const hop = (set & (1 << last)) === 0 ? Infinity : problem.hopCost(last, node);
      if (hop === Infinity) continue;
      const place = this.#place(set, last);
      for (let boundary = 1; boundary < end; boundary += 1) {
        const cost = (this.#cost[place + boundary] ?? Infinity) + hop;
        if (cost >= (this.#handover[boundary] ?? Infinity)) continue;
        this.#handover[boundary] = cost;
        this.#handoverNode[boundary] = last;
        any = true;
      }
    }
    // What the node would have cost up to here is saved, so that windows compare what is left.
    for (let boundary = 1; any && boundary < end; boundary += 1) {
      this.#handover[boundary] = (this.#handover[boundary] ?? Infinity) - problem.costUpTo(node, boundary);
    }
    return any;
  }

  #finish(set: number, lastNode: number, lastCut: number): void {
    const nodes = [lastNode];
    const cuts = [this.#tables.end, lastCut];
    let node = this.#handoverNode[lastCut] ?? NONE;
    let rest = set;
    let boundary = lastCut;
    for (;;) {
      nodes.push(node);
      if (countOf(rest) === 1) break;
      const place = this.#place(rest, node) + boundary;
      rest &= ~(1 << node);
      node = this.#previousNode[place] ?? NONE;
      boundary = this.#previousBoundary[place] ?? NONE;
      cuts.push(boundary);
    }
    this.#offer(nodes.toReversed(), [...cuts, 0].toReversed());
  }

  #offer(nodes: readonly number[], cuts: readonly number[]): void {
    const cost = chainCost(this.#tables.problem, nodes, cuts);
    if (cost < (this.#best[nodes.length - 1]?.cost ?? Infinity)) this.#best[nodes.length - 1] = { nodes, cuts, cost };
  }

  #place(set: number, last: number): number {
    return (set * this.#nodeCount + last) * this.#stride;
  }
}
