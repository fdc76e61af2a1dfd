import { formatBytes, type ModelManifest } from '@pippa/core';
import { chainExists } from '../chain/exists.ts';
import { ModelCosts } from '../model-costs.ts';
import type { PlannerNode, Refused, Wish } from '../types.ts';
import type { PlacementContext } from './placed-stages.ts';
import { PlacementProblem } from './placement-problem.ts';

/** Sizes that models are published in, bits a weight all in all; heaviest first. */
const QUANTISATIONS = [
  ['Q8_0', 8.5],
  ['Q6_K', 6.6],
  ['Q5_K_M', 5.7],
  ['Q4_K_M', 4.85],
  ['Q3_K_M', 3.9],
  ['Q2_K', 3],
  ['IQ1_M', 1.9],
] as const;
/** Shorter contexts are not worth proposing. */
const SHORTEST_CONTEXT = 1024;
/** Halvings of the interval in which what is missing is looked for: to a millionth of the model. */
const HALVINGS = 20;

/** Says what is missing and what would change it. */
export function refuse(context: PlacementContext): Refused {
  const { nodes, costs, input } = context;
  const { manifest, wish } = input;
  if (nodes.length === 0) {
    return {
      kind: 'refused',
      missingBytes: costs.memoryBytes(0, costs.layerCount),
      reasons: ['There is no node that may hold a stage.'],
      suggestions: [input.nodes.length > 0 ? 'Exclude fewer nodes.' : 'Start pippa-agent on a machine with room.'],
    };
  }
  const fits = (change: Change = {}): boolean => fitsWith(context, change);
  if (fits()) return refuseSplit(context);

  const whole = costs.memoryBytes(0, costs.layerCount);
  const free = sum(nodes.map((node) => node.freeBytes));
  const { missing, roomiest } = whatIsMissing(context);
  const where =
    nodes.length === 1
      ? `${nodes[0]?.name} has ${formatBytes(free)} free`
      : `${nodes.length} nodes have ${formatBytes(free)} free together`;
  const reasons = [
    `${manifest.name} needs ${formatBytes(whole)} (weights ${formatBytes(costs.memory(0, costs.layerCount).weights)}, the rest for ${wish.parallelSequences} x ${wish.contextTokens} tokens of context and working space); ${where}.`,
    // People subtract: what they get is less than what is missing where every stage takes working space.
    missing > (whole - free) * 1.01 && nodes.length > 1
      ? `It needs ${formatBytes(missing)} more on one of them: each that holds a part takes working space of its own, and layers go whole.`
      : `It needs ${formatBytes(missing)} more.`,
    ...(costs.boundaries.length === 2 ? [`A ${manifest.architecture} model is not split: it runs on one node or not at all.`] : []),
    ...nodes.filter((node) => node.remark !== undefined).map((node) => `${node.name} ${node.remark}.`),
  ];
  const suggestions = [
    ...freeing(nodes, fits),
    ...quantising(manifest, fits),
    ...shortening(wish, fits),
    ...(nodes.length < input.nodes.length && fits({ nodes: input.nodes }) ? ['Allow all nodes: on them it fits.'] : []),
    `Add a node with ${formatBytes(missing)} for models${roomiest === undefined ? '' : `, or as much to ${roomiest.name}`}.`,
  ];
  return { kind: 'refused', missingBytes: missing, reasons, suggestions };
}

/** A thing that could be different. */
interface Change {
  readonly nodes?: readonly PlannerNode[];
  readonly manifest?: ModelManifest;
  readonly wish?: Wish;
}

function fitsWith(context: PlacementContext, change: Change): boolean {
  const { nodes, costs: own, input } = context;
  const costs =
    change.manifest === undefined && change.wish === undefined
      ? own
      : new ModelCosts(change.manifest ?? input.manifest, change.wish ?? input.wish);
  const level = { nodes: change.nodes ?? nodes, soloShare: 1, stageShare: 1, allowsReluctantHops: true };
  const problem = new PlacementProblem(level, { ...context, costs });
  return chainExists(problem.chains, problem.byRoom);
}

/** It fits, but not in as many stages as asked for. */
function refuseSplit({ nodes, costs, input }: PlacementContext): Refused {
  const { split = 1 } = input.wish;
  const parts = costs.boundaries.length - 1;
  const most = Math.min(parts, nodes.length);
  const reason =
    split > parts
      ? `${input.manifest.name} can be cut into at most ${parts} stages, not ${split}.`
      : split > nodes.length
        ? `${split} stages need ${split} nodes; there are ${nodes.length}.`
        : `${input.manifest.name} does not fit ${split} ${split === 1 ? 'node' : 'nodes'} with the room that each has.`;
  return {
    kind: 'refused',
    missingBytes: 0,
    reasons: [reason],
    suggestions: [
      split > most
        ? most > 1
          ? `Ask for ${most} or fewer.`
          : 'Leave the number of stages to the planner.'
        : 'Leave the number of stages to the planner: the model does fit.',
    ],
  };
}

/** The least that one node would need more, and which. */
function whatIsMissing(context: PlacementContext): { readonly missing: number; readonly roomiest: PlannerNode | undefined } {
  const { nodes, costs } = context;
  let missing = costs.memoryBytes(0, costs.layerCount);
  let roomiest: PlannerNode | undefined;
  // The nodes are sorted by room, and where there is most the least is missing; more of them need not be tried.
  const tried = nodes.filter((node, index) => index < 4 || node.peer === context.input.wish.first);
  for (const node of tried) {
    const isEnough = (bytes: number): boolean =>
      fitsWith(context, { nodes: nodes.map((each) => (each === node ? { ...node, freeBytes: node.freeBytes + bytes } : each)) });
    if (!isEnough(missing)) continue;
    let low = 0;
    let high = missing;
    for (let halving = 0; halving < HALVINGS; halving += 1) {
      const middle = (low + high) / 2;
      if (isEnough(middle)) high = middle;
      else low = middle;
    }
    if (roomiest === undefined || high < missing) [missing, roomiest] = [high, node];
  }
  return { missing, roomiest };
}

/** One node, or all, giving back what is loaded there. */
function freeing(nodes: readonly PlannerNode[], fits: (change: Change) => boolean): string[] {
  const taken = (node: PlannerNode): number => node.budgetBytes - node.freeBytes;
  const emptied = (node: PlannerNode): PlannerNode => ({ ...node, freeBytes: node.budgetBytes });
  const others = nodes.filter((node) => taken(node) > 0);
  const enough = others.find((node) => fits({ nodes: nodes.map((each) => (each === node ? emptied(node) : each)) }));
  if (enough !== undefined) return [`Free ${formatBytes(taken(enough))} on ${enough.name}: other models take it.`];
  if (others.length > 1 && fits({ nodes: nodes.map(emptied) }))
    return [
      `Unload the other models: they take ${formatBytes(sum(others.map(taken)))} on ${others.map((node) => node.name).join(', ')}.`,
    ];
  return [];
}

function quantising(manifest: ModelManifest, fits: (change: Change) => boolean): string[] {
  const bits = (8 * manifest.fileBytes) / Math.max(1, manifest.parameterCount);
  for (const [name, itsBits] of QUANTISATIONS) {
    const share = itsBits / bits;
    if (share >= 0.97) continue;
    const smaller = {
      ...manifest,
      inputBytes: manifest.inputBytes * share,
      outputBytes: manifest.outputBytes * share,
      layers: manifest.layers.map((layer) => ({ ...layer, weightBytes: layer.weightBytes * share })),
    };
    if (fits({ manifest: smaller }))
      return [`Use ${name} instead of ${manifest.quantisation} (about ${formatBytes(manifest.fileBytes * share)}).`];
  }
  return [];
}

function shortening(wish: Wish, fits: (change: Change) => boolean): string[] {
  for (let contextTokens = wish.contextTokens / 2; contextTokens >= SHORTEST_CONTEXT; contextTokens /= 2) {
    const tokens = Math.floor(contextTokens);
    if (fits({ wish: { ...wish, contextTokens: tokens } }))
      return [`Ask for a context of ${tokens} tokens instead of ${wish.contextTokens}.`];
  }
  if (wish.parallelSequences > 1 && fits({ wish: { ...wish, parallelSequences: 1 } }))
    return [`Ask for 1 sequence at a time instead of ${wish.parallelSequences}.`];
  return [];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
