import { PLANNER_LIMITS } from '../policy.ts';
import type { ChainProblem } from './chain-problem.ts';
import { ChainTables } from './chain-tables.ts';
import { without } from './sets.ts';

/** Whether any chain exists when every hop is allowed. Exact for few nodes; for many, in the given order alone. */
export function chainExists(problem: ChainProblem, order: readonly number[]): boolean {
  const tables = new ChainTables(problem);
  if (tables.whole.includes(true)) return true;
  return problem.nodeCount <= PLANNER_LIMITS.exactNodes ? existsOverSets(tables) : existsInOrder(tables, order);
}

/** To hold more of the model with the same nodes is never worse: one boundary a set is enough. */
function existsOverSets(tables: ChainTables): boolean {
  const { nodeCount } = tables.problem;
  const reached = new Int32Array(2 ** nodeCount);
  for (let node = 0; node < nodeCount; node += 1) reached[1 << node] = tables.firstReach[node] ?? 0;
  for (let set = 1; set < reached.length; set += 1) {
    const boundary = reached[set] ?? 0;
    if (boundary === 0) continue;
    for (const node of without(set, nodeCount)) {
      if (boundary >= (tables.lastStart[node] ?? tables.end) && boundary < tables.end) return true;
      const next = set | (1 << node);
      reached[next] = Math.max(reached[next] ?? 0, tables.reach[node]?.[boundary] ?? 0);
    }
  }
  return false;
}

function existsInOrder(tables: ChainTables, order: readonly number[]): boolean {
  let boundary = 0;
  for (const node of order) {
    if (boundary > 0 && boundary >= (tables.lastStart[node] ?? tables.end)) return true;
    boundary = boundary === 0 ? (tables.firstReach[node] ?? 0) : Math.max(boundary, tables.reach[node]?.[boundary] ?? 0);
  }
  return false;
}
