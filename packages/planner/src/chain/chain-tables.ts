import type { ChainProblem } from './chain-problem.ts';

/**
 * How far each node's memory carries it, by boundary. A first and a last stage hold more than their layers (embeddings, head), so
 * that each has tables of its own.
 */
export class ChainTables {
  readonly problem: ChainProblem;
  /** Boundary index of the model's end. */
  readonly end: number;
  /** Whether a node may hold the whole model. */
  readonly whole: readonly boolean[];
  /** Farthest boundary of a first stage, 0: none. */
  readonly firstReach: readonly number[];
  /** Lowest boundary that a last stage may begin at, `end`: none. */
  readonly lastStart: readonly number[];
  /** By node and start: the farthest end of a middle stage, the start itself: none. */
  readonly reach: readonly Int32Array[];
  /** By node and end: the lowest start of a middle stage, the end itself: none. */
  readonly start: readonly Int32Array[];
  /** The problem's own, at hand: by node and boundary. */
  readonly costUpTo: readonly Float64Array[];
  /** The problem's own, at hand: `from * nodeCount + to`. */
  readonly hopCost: Float64Array;

  constructor(problem: ChainProblem) {
    const end = problem.boundaryCount - 1;
    const nodes = Array.from({ length: problem.nodeCount }, (_, node) => node);
    this.problem = problem;
    this.end = end;
    this.whole = nodes.map((node) => problem.fits(node, 0, end));
    this.firstReach = nodes.map((node) => farthest(0, end - 1, (to) => problem.fits(node, 0, to)));
    this.lastStart = nodes.map((node) => end - farthest(0, end - 1, (length) => problem.fits(node, end - length, end)));
    this.reach = nodes.map((node) => this.#reachOf(node));
    this.start = nodes.map((node) => this.#startOf(node));
    this.costUpTo = nodes.map((node) => Float64Array.from({ length: end + 1 }, (_, boundary) => problem.costUpTo(node, boundary)));
    this.hopCost = Float64Array.from(nodes.flatMap((from) => nodes.map((to) => problem.hopCost(from, to))));
  }

  /** Both ends only move on, because `fits` is monotone. */
  #reachOf(node: number): Int32Array {
    const reach = new Int32Array(this.end + 1);
    let to = 1;
    for (let from = 1; from < this.end; from += 1) {
      to = Math.max(to, from);
      while (to < this.end - 1 && this.problem.fits(node, from, to + 1)) to += 1;
      reach[from] = to;
    }
    return reach;
  }

  #startOf(node: number): Int32Array {
    const start = new Int32Array(this.end + 1);
    const reach = this.reach[node] ?? new Int32Array();
    let from = 1;
    for (let to = 1; to < this.end; to += 1) {
      while (from < to && (reach[from] ?? 0) < to) from += 1;
      start[to] = from;
    }
    return start;
  }
}

/** The last value in `[from, to]` that passes, given that all before it do; `from` itself is not asked. */
function farthest(from: number, to: number, passes: (value: number) => boolean): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (passes(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
