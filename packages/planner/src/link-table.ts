import type { LinkTier, PeerId } from '@pippa/core';
import { UNMEASURED_LINKS } from './policy.ts';
import type { PlannerLink, PlannerNode } from './types.ts';

/** How two nodes reach each other, with nothing left open. */
export interface Way {
  readonly tier: LinkTier;
  readonly roundTripMs: number;
  /** Bytes a second, above 0. */
  readonly throughput: number;
}

/** Between two stages on one node: no network. */
const SAME_NODE: Way = { tier: 0, roundTripMs: 0.1, throughput: 4e9 };

/** The ways between all pairs of nodes. */
export class LinkTable {
  readonly #nodes: ReadonlyMap<PeerId, PlannerNode>;
  readonly #measured = new Map<string, PlannerLink>();

  constructor(nodes: readonly PlannerNode[], links: readonly PlannerLink[]) {
    this.#nodes = new Map(nodes.map((node) => [node.peer, node]));
    for (const link of links) {
      this.#measured.set(`${link.a} ${link.b}`, link);
      this.#measured.set(`${link.b} ${link.a}`, link);
    }
  }

  way(from: PeerId, to: PeerId): Way {
    if (from === to) return SAME_NODE;
    const measured = this.#measured.get(`${from} ${to}`);
    if (measured !== undefined) return complete(measured.tier, measured.roundTripMs, measured.throughput);
    const a = this.#nodes.get(from)?.link;
    const b = this.#nodes.get(to)?.link;
    if (a === undefined || b === undefined) return complete(3, 0, 0);
    const throughputs = [a.throughput, b.throughput].filter((throughput) => throughput > 0);
    const tier = a.tier > b.tier ? a.tier : b.tier;
    return complete(tier, Math.max(a.roundTripMs.p50, b.roundTripMs.p50), throughputs.length > 0 ? Math.min(...throughputs) : 0);
  }

  /** Tier of a node's best way to any of the others; 0 for a node alone. */
  tier(peer: PeerId, among: Iterable<PeerId>): LinkTier {
    let best: LinkTier | undefined;
    for (const other of among) {
      if (other === peer) continue;
      const { tier } = this.way(peer, other);
      if (best === undefined || tier < best) best = tier;
    }
    return best ?? 0;
  }
}

function complete(tier: LinkTier, roundTripMs: number, throughput: number): Way {
  const assumed = UNMEASURED_LINKS[tier];
  return {
    tier,
    roundTripMs: roundTripMs > 0 ? roundTripMs : assumed.roundTripMs,
    throughput: throughput > 0 ? throughput : assumed.throughput,
  };
}
