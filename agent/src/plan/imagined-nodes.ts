import { GIB, peerId, type LinkFacts, type LinkTier } from '@pippa/core';
import { appleChipFacts, budgetOf } from '@pippa/hardware';
import { PLANNER_LIMITS, type PlannerLink, type PlannerNode } from '@pippa/planner';
import { z } from 'zod';

const LINKS = {
  'same-machine': { tier: 0, interfaceType: 'loopback' },
  thunderbolt: { tier: 1, interfaceType: 'thunderbolt' },
  ethernet: { tier: 2, interfaceType: 'wired' },
  wifi: { tier: 3, interfaceType: 'wifi' },
} as const satisfies Record<string, { readonly tier: LinkTier; readonly interfaceType: LinkFacts['interfaceType'] }>;

const name = z.string().min(1).max(64);
const linkKind = z.enum(['same-machine', 'thunderbolt', 'ethernet', 'wifi']);
const gigabytes = z.number().positive().max(65_536);

const nodeSchema = z.strictObject({
  name,
  /** `Apple M3 Ultra`: bandwidth and compute rate of Apple's chips are known. */
  chip: z.string().max(128).default(''),
  /** Of the GPU, where a chip comes with more or fewer. */
  gpuCores: z.int().min(1).max(1024).optional(),
  memoryGb: gigabytes,
  /** What models may take; left out: what the system leaves them. */
  budgetGb: gigabytes.optional(),
  /** What of the budget is free; left out: all. */
  freeGb: z.number().min(0).max(65_536).optional(),
  /** Gigabytes (10^9) a second; needed for other chips than Apple's. */
  bandwidthGbs: z.number().positive().max(100_000).optional(),
  /** 10^12 operations a second in matrix products. */
  computeTflops: z.number().positive().max(1_000_000).optional(),
  /** Its way to the others. */
  link: linkKind.default('ethernet'),
  power: z.enum(['mains', 'battery']).default('mains'),
});

/** A file of imagined nodes. */
export const imaginedNodesSchema = z
  .strictObject({
    nodes: z.array(nodeSchema).min(1).max(PLANNER_LIMITS.nodes),
    /** Ways between two nodes that differ from what the nodes say of themselves. */
    links: z
      .array(
        z.strictObject({
          between: z.tuple([name, name]),
          link: linkKind,
          roundTripMs: z.number().positive().max(60_000).optional(),
          /** Megabytes (10^6) a second. */
          throughputMbs: z.number().positive().max(1_000_000).optional(),
        }),
      )
      .max(PLANNER_LIMITS.nodes ** 2)
      .default([]),
  })
  .superRefine(({ nodes, links }, context) => {
    const names = new Set<string>();
    for (const [index, node] of nodes.entries()) {
      if (names.has(node.name))
        context.addIssue({ code: 'custom', path: ['nodes', index, 'name'], message: `"${node.name}" comes twice` });
      names.add(node.name);
      if (node.bandwidthGbs === undefined && appleChipFacts(node.chip) === undefined) {
        const chip = node.chip === '' ? 'without a chip' : `with the chip "${node.chip}"`;
        context.addIssue({ code: 'custom', path: ['nodes', index], message: `a node ${chip} needs its bandwidthGbs` });
      }
    }
    for (const [index, { between }] of links.entries()) {
      const stranger = between.find((end) => !names.has(end));
      if (stranger !== undefined)
        context.addIssue({ code: 'custom', path: ['links', index, 'between'], message: `there is no node "${stranger}"` });
    }
  });

export type ImaginedNodes = z.output<typeof imaginedNodesSchema>;

/** Imagined nodes are named by what they are called. */
export function plannerNodesOf({ nodes, links }: ImaginedNodes): { readonly nodes: PlannerNode[]; readonly links: PlannerLink[] } {
  return {
    nodes: nodes.map((node): PlannerNode => {
      const apple = appleChipFacts(node.chip, node.gpuCores);
      const bandwidth = node.bandwidthGbs === undefined ? (apple?.memoryBandwidth ?? 0) : node.bandwidthGbs * 1e9;
      const budgetBytes = node.budgetGb === undefined ? budgetOf(apple !== undefined, node.memoryGb * GIB) : node.budgetGb * GIB;
      return {
        peer: peerId(node.name),
        name: node.name,
        budgetBytes,
        freeBytes: node.freeGb === undefined ? budgetBytes : Math.min(budgetBytes, node.freeGb * GIB),
        memoryBandwidth: bandwidth,
        computeRate:
          node.computeTflops === undefined ? (apple?.computeRate ?? bandwidth * OPERATIONS_PER_BYTE) : node.computeTflops * 1e12,
        link: { ...LINKS[node.link], roundTripMs: { p50: 0, p99: 0 }, throughput: 0 },
        power: node.power,
        load: 0,
        models: [],
      };
    }),
    links: links.map(({ between: [a, b], link, roundTripMs = 0, throughputMbs = 0 }) => ({
      a: peerId(a),
      b: peerId(b),
      tier: LINKS[link].tier,
      roundTripMs,
      throughput: throughputMbs * 1e6,
    })),
  };
}

/** A CPU's, for a node that gives no compute rate. */
const OPERATIONS_PER_BYTE = 10;
