/**
 * Laying a chain of layer ranges over nodes, in indices alone: nodes `0 .. nodeCount - 1`, boundaries `0 .. boundaryCount - 1`, of
 * which the last is the end of the model. Two things are promised of it, and make it solvable exactly: `fits` is monotone (what
 * fits, fits with fewer layers), and the costs of ranges add up.
 */
export interface ChainProblem {
  readonly nodeCount: number;
  readonly boundaryCount: number;
  /** Whether a node may hold what lies between two boundaries. */
  fits(node: number, from: number, to: number): boolean;
  /** Cost of everything up to a boundary on a node; a range costs the difference. */
  costUpTo(node: number, boundary: number): number;
  /** What a stage costs beside its layers; `isLast`: it has the head. */
  fixedCost(node: number, isLast: boolean): number;
  /** From one stage's node to the next one's; Infinity where that is forbidden. */
  hopCost(from: number, to: number): number;
  /** What the two ends of a chain cost together: the way back from the last stage's node to the first one's. */
  returnCost(from: number, to: number): number;
}

/** Nodes in order; node `i` holds what lies between the boundaries `cuts[i]` and `cuts[i + 1]`. */
export interface Chain {
  readonly nodes: readonly number[];
  readonly cuts: readonly number[];
  readonly cost: number;
}

export function chainCost(problem: ChainProblem, nodes: readonly number[], cuts: readonly number[]): number {
  let cost = 0;
  for (const [index, node] of nodes.entries()) {
    const from = cuts[index] ?? 0;
    const to = cuts[index + 1] ?? 0;
    cost += problem.costUpTo(node, to) - problem.costUpTo(node, from) + problem.fixedCost(node, index === nodes.length - 1);
    if (index > 0) cost += problem.hopCost(nodes[index - 1] ?? node, node);
  }
  return cost + problem.returnCost(nodes.at(-1) ?? 0, nodes[0] ?? 0);
}

/** The same over some of the nodes, which get the numbers of their places in `members`. */
export function restrict(problem: ChainProblem, members: readonly number[]): ChainProblem {
  const member = (node: number): number => members[node] ?? 0;
  return {
    nodeCount: members.length,
    boundaryCount: problem.boundaryCount,
    fits: (node, from, to) => problem.fits(member(node), from, to),
    costUpTo: (node, boundary) => problem.costUpTo(member(node), boundary),
    fixedCost: (node, isLast) => problem.fixedCost(member(node), isLast),
    hopCost: (from, to) => problem.hopCost(member(from), member(to)),
    returnCost: (from, to) => problem.returnCost(member(from), member(to)),
  };
}
