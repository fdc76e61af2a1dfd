import { describe, expect, it } from 'vitest';
import type { MeshNode } from '../src/index.ts';
import { TestNodes, untilCard, untilPeer } from './support/nodes.ts';

/** A mesh of four counts as large, and one link as enough: the others come by way of the first. */
const SETTINGS = { fullMeshMembers: 2, enoughLinks: 1, heartbeatMs: 50 };

async function star(nodes: TestNodes): Promise<[hub: MeshNode, a: MeshNode, b: MeshNode, c: MeshNode]> {
  const hub = await nodes.start('hub', { settings: SETTINGS });
  const rim = [];
  for (const name of ['a', 'b', 'c']) rim.push(await nodes.start(name, { settings: SETTINGS }));
  const [a, b, c] = rim as [MeshNode, MeshNode, MeshNode];
  await Promise.all(
    [hub, a, b, c].flatMap((one) =>
      [hub, a, b, c].filter((other) => other !== one).map(async (other) => untilCard(one, other.self)),
    ),
  );
  return [hub, a, b, c];
}

function links(nodes: TestNodes): number {
  return [...nodes.transports.values()].reduce((sum, transport) => sum + transport.getConnections().length, 0) / 2;
}

describe('a large mesh', () => {
  it('is known to all without all links, and links come when they are needed', async () => {
    await using nodes = new TestNodes();
    const [, a, b, c] = await star(nodes);
    expect(links(nodes)).toBeLessThan(6);
    for (const node of [a, b, c]) node.answer('test/echo', async (question) => question);
    for (const one of [a, b, c]) for (const other of [a, b, c]) expect(await one.request(other.self, 'test/echo', 1)).toBe(1);
    expect(links(nodes)).toBeGreaterThanOrEqual(6);
  });

  it('spreads changes by those in between, signed', async () => {
    await using nodes = new TestNodes();
    const [hub, a, b, c] = await star(nodes);
    c.updateCard({ load: 0.25, name: 'renamed' });
    await Promise.all(
      [hub, a, b].map(async (node) => untilCard(node, c.self, ({ load, name }) => load === 0.25 && name === 'renamed')),
    );
  });

  it('notices the end of a node without a link to it', async () => {
    await using nodes = new TestNodes();
    const [hub, a, b, c] = await star(nodes);
    await nodes.crash(c);
    await Promise.all([hub, a, b].map(async (node) => untilPeer(node, c.self, ({ state }) => state === 'dead')));
  });
});
