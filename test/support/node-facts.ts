import { computeDevices } from '@pippa/llama';
import { liveHeapBytes } from '../../packages/testing/src/collect-garbage.ts';
import type { Node } from '../../agent/src/node/node.ts';
import type { NodeFacts } from './mesh-node-messages.ts';
import { openFiles } from './open-files.ts';

/** What a node of a test tells of itself. */
export async function nodeFacts(node: Node, collect: boolean): Promise<NodeFacts> {
  if (collect) {
    // Opens the engine, if that was not done yet: it is a part of every agent that computes, and not of a model.
    computeDevices();
    liveHeapBytes();
  }
  const { user, system } = process.cpuUsage();
  const { heapUsed, heapTotal, external, rss } = process.memoryUsage();
  const known = node.mesh.peers().filter((peer) => peer.card !== undefined);
  const { rings } = node.manager;
  const sum = (of: (ring: (typeof rings)[number]) => number): number => rings.reduce((total, ring) => total + of(ring), 0);
  return {
    peers: known.length,
    alivePeers: known.filter((peer) => peer.state === 'alive').length,
    running: sum((ring) => (ring.snapshot()?.running ?? 0) + (ring.snapshot()?.waiting ?? 0)),
    stages: node.mesh.card.stages,
    stageCount: node.host.count,
    rings: rings.map((ring) => ring.card),
    self: node.mesh.self,
    freeBytes: node.mesh.card.memory.freeBytes,
    generatedTokens: sum((ring) => ring.snapshot()?.generatedTokens ?? 0),
    knownRings: node.router.rings().flatMap(({ card }) => (card.state === 'ready' ? [card.ring] : [])),
    spares: rings.flatMap((ring) => ring.spares),
    recoveries: rings.flatMap((ring) => ring.recoveries),
    medianHandlingMs: node.host.threads[0]?.medianHandlingMs ?? 0,
    rssBytes: rss,
    heapBytes: heapUsed + external,
    heapPagesBytes: heapTotal,
    cpuMs: (user + system) / 1000,
    open: await openFiles(),
  };
}
