import { chainCost, type Chain } from './chain-problem.ts';
import type { ChainTables } from './chain-tables.ts';
import { WindowMinimum } from './window-minimum.ts';

/** Lengths beyond the shortest possible that are looked at: a longer chain has more hops, and only a much faster node pays for one. */
const LONGER = 2;

/** The cheapest way to hold everything up to each boundary with one node last. */
interface Row {
  readonly cost: Float64Array;
  readonly previousNode: Int16Array;
  readonly previousBoundary: Int16Array;
}

/**
 * The cheapest chains of each length whose nodes stand in the given order, with any of them left out. `exactChains` for one order
 * instead of all: what many nodes leave time for. Lengths far above the shortest possible are left undefined.
 */
export function orderedChains(tables: ChainTables, order: readonly number[], maxStages: number): (Chain | undefined)[] {
  const { end } = tables;
  const best: (Chain | undefined)[] = Array.from({ length: Math.min(maxStages, order.length) }, () => undefined);
  // rows[k - 1][i]: k stages, the last of them on order[i].
  const rows: (Row | undefined)[][] = [order.map((node) => firstRow(tables, node))];
  let longest = best.length;
  order.forEach((node) => {
    if (tables.whole[node] === true) offer(tables, best, [node], [0, end]);
  });
  if (best[0] !== undefined) longest = Math.min(longest, 1 + LONGER);
  for (let stages = 2; stages <= longest; stages += 1) {
    const before = rows[stages - 2] ?? [];
    rows.push(
      order.map((node, position) => {
        const handover = gather(tables, order, before, position);
        if (handover === undefined) return undefined;
        const from = cheapestLastStart(tables, node, handover.cost);
        if (from !== undefined) {
          const previous = trace(rows, order, stages - 2, handover.previousNode[from] ?? 0, from);
          offer(tables, best, [...previous.nodes, node], [...previous.cuts, end]);
        }
        return stages < longest ? nextRow(tables, node, handover) : undefined;
      }),
    );
    if (best[stages - 1] !== undefined) longest = Math.min(longest, best.findIndex((chain) => chain !== undefined) + 1 + LONGER);
  }
  return best;
}

function firstRow({ problem, firstReach, end }: ChainTables, node: number): Row {
  const row = emptyRow(end + 1);
  for (let to = 1; to <= (firstReach[node] ?? 0); to += 1)
    row.cost[to] = problem.costUpTo(node, to) - problem.costUpTo(node, 0) + problem.fixedCost(node, false);
  return row;
}

/** By boundary: the cheapest chain handing over to `order[position]` there, less what that node would have cost up to it. */
function gather(
  { problem, end }: ChainTables,
  order: readonly number[],
  before: readonly (Row | undefined)[],
  position: number,
): Pick<Row, 'cost' | 'previousNode'> | undefined {
  const cost = new Float64Array(end + 1).fill(Infinity);
  const previousNode = new Int16Array(end + 1);
  const node = order[position] ?? 0;
  let any = false;
  for (let previous = 0; previous < position; previous += 1) {
    const row = before[previous];
    const hop = problem.hopCost(order[previous] ?? 0, node);
    if (row === undefined || hop === Infinity) continue;
    for (let boundary = 1; boundary < end; boundary += 1) {
      const value = (row.cost[boundary] ?? Infinity) + hop - problem.costUpTo(node, boundary);
      if (value >= (cost[boundary] ?? Infinity)) continue;
      cost[boundary] = value;
      previousNode[boundary] = previous;
      any = true;
    }
  }
  return any ? { cost, previousNode } : undefined;
}

function nextRow({ problem, start, end }: ChainTables, node: number, handover: Pick<Row, 'cost' | 'previousNode'>): Row {
  const row = emptyRow(end + 1);
  const window = new WindowMinimum(handover.cost);
  for (let to = 2; to < end; to += 1) {
    window.include(to - 1);
    window.dropBelow(start[node]?.[to] ?? to);
    const from = window.index;
    if (from < 0) continue;
    row.cost[to] = (handover.cost[from] ?? Infinity) + problem.costUpTo(node, to) + problem.fixedCost(node, false);
    row.previousNode[to] = handover.previousNode[from] ?? 0;
    row.previousBoundary[to] = from;
  }
  return row;
}

function cheapestLastStart({ lastStart, end }: ChainTables, node: number, cost: Float64Array): number | undefined {
  let cheapest: number | undefined;
  for (let from = Math.max(1, lastStart[node] ?? end); from < end; from += 1) {
    if ((cost[from] ?? Infinity) < (cheapest === undefined ? Infinity : (cost[cheapest] ?? Infinity))) cheapest = from;
  }
  return cheapest;
}

/** The nodes and cuts of the chain of `index + 1` stages that ends on `order[position]` at `boundary`. */
function trace(
  rows: readonly (readonly (Row | undefined)[])[],
  order: readonly number[],
  index: number,
  position: number,
  boundary: number,
): { readonly nodes: number[]; readonly cuts: number[] } {
  const nodes: number[] = [];
  const cuts = [boundary];
  let at = position;
  let to = boundary;
  for (let row = index; row >= 0; row -= 1) {
    nodes.unshift(order[at] ?? 0);
    const state = row === 0 ? undefined : rows[row]?.[at];
    const from = state?.previousBoundary[to] ?? 0;
    at = state?.previousNode[to] ?? 0;
    to = from;
    cuts.unshift(from);
  }
  return { nodes, cuts };
}

function offer(tables: ChainTables, best: (Chain | undefined)[], nodes: readonly number[], cuts: readonly number[]): void {
  const cost = chainCost(tables.problem, nodes, cuts);
  const index = nodes.length - 1;
  if (index < best.length && cost < (best[index]?.cost ?? Infinity)) best[index] = { nodes, cuts, cost };
}

function emptyRow(length: number): Row {
  return {
    cost: new Float64Array(length).fill(Infinity),
    previousNode: new Int16Array(length),
    previousBoundary: new Int16Array(length),
  };
}
