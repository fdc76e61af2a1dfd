import { GIB, modelId, peerId, ringId, type LinkFacts, type NodeCard, type Peer, type PeerState } from '@pippa/core';
import { blankCard } from '@pippa/testing';
import type { NodeReport } from '../../src/operations/node-report.ts';

export function samplePeer(
  name: string,
  { state = 'alive', card, link = {} }: { state?: PeerState; card?: Partial<NodeCard> | undefined; link?: Partial<LinkFacts> } = {},
): Peer {
  const id = peerId(`12D3KooW${name.padEnd(44, 'x')}`);
  const facts: LinkFacts = { tier: 2, interfaceType: 'wired', roundTripMs: { p50: 0.314, p99: 1.2 }, throughput: 117e6, ...link };
  return { id, state, card: { ...blankCard(name), peer: id, ...card }, link: facts };
}

/** Three Macs, one of them hot and on battery, one silent, and a ring over two of them. */
export function sampleReport(changes: Partial<NodeReport> = {}): NodeReport {
  const ben = samplePeer('ben', {
    card: {
      chip: 'Apple M3 Max',
      backend: 'Metal',
      memory: { totalBytes: 36 * GIB, budgetBytes: 27 * GIB, freeBytes: 1 * GIB },
      memoryBandwidth: 300e9,
      performanceCores: 10,
      power: { source: 'battery', batteryPercent: 63 },
      thermalPressure: 'serious',
      load: 0.9,
    },
    link: { tier: 1, interfaceType: 'thunderbolt', throughput: 2.1e9 },
  });
  const carl = samplePeer('carl', { state: 'suspect', card: { chip: 'AMD Ryzen 9 7950X 16-Core Processor' } });
  const self: NodeCard = {
    ...blankCard("Anna's Mac Studio"),
    chip: 'Apple M3 Ultra',
    backend: 'Metal',
    memory: { totalBytes: 256 * GIB, budgetBytes: 192 * GIB, freeBytes: 120 * GIB },
    memoryBandwidth: 819e9,
    performanceCores: 24,
    load: 0.1,
  };
  const ring = {
    ring: ringId('r1'),
    model: modelId('m1'),
    name: 'Llama-3.3-70B-Instruct-Q4_K_M',
    state: 'ready' as const,
    stages: [
      { peer: self.peer, from: 0, to: 62 },
      { peer: ben.id, from: 62, to: 80 },
    ],
    contextTokens: 8192,
    parallelSequences: 4,
    running: 1,
    waiting: 0,
    predictedTokensPerSecond: 13.4,
    measuredTokensPerSecond: 12.1,
  };
  return {
    version: '0.1.0',
    pid: 4711,
    url: 'http://127.0.0.1:11500',
    mesh: {
      state: 'on',
      membership: { kind: 'member', open: false, missesOthers: false },
      otherMeshes: 0,
      addresses: ['/ip4/192.168.1.5/tcp/11501/p2p/12D3KooWanna'],
    },
    self: { ...self, rings: [ring] },
    peers: [ben, carl],
    pendingJoins: [{ peer: peerId('12D3KooWdora'), name: 'dora', words: 'apple river stone' }],
    problems: [{ code: 'wrong_key', message: '12D3KooWerik belongs to another mesh.' }],
    ...changes,
  };
}
