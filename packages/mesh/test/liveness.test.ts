import type { Stream } from '@libp2p/interface';
import { StreamLostError, type PeerState } from '@pippa/core';
import { STREAM_PROTOCOL } from '@pippa/protocol';
import { describe, expect, it, vi } from 'vitest';
import { ownStall, stateAfter } from '../src/liveness/silence.ts';
import { RoundTrips } from '../src/liveness/round-trips.ts';
import type { MeshNode } from '../src/index.ts';
import { connected, TestNodes, until, untilPeer } from './support/nodes.ts';
import { Proxy } from './support/proxy.ts';

/** A tenth of the real times, so that the tests need a tenth of the time. */
const SETTINGS = { heartbeatMs: 25, suspectMs: 150, deadMs: 500, redialMs: 50, redialMaxMs: 200 };

const WAIT = { timeout: 8_000, interval: 10 };

/** Two nodes whose only way to each other is a proxy. */
async function throughProxy(nodes: TestNodes, settings = SETTINGS): Promise<{ near: MeshNode; far: MeshNode; proxy: Proxy }> {
  const far = await nodes.start('far', { settings, listen: { hosts: ['127.0.0.1'] } });
  const proxy = await Proxy.to(far.addresses[0] ?? '');
  // The address of a listener that nobody reaches: `far` can't dial back around the proxy.
  const near = await nodes.start('near', { settings, peers: [proxy.address], listen: { hosts: [] } });
  await connected(near, far);
  return { near, far, proxy };
}

function statesOf(mesh: MeshNode): PeerState[] {
  const states: PeerState[] = [];
  mesh.onPeersChanged(({ state }) => {
    if ((states.at(-1) ?? 'alive') !== state) states.push(state);
  });
  return states;
}

describe('liveness', () => {
  it('notices a killed process by its broken connection', async () => {
    await using nodes = new TestNodes();
    // Silence alone would take longer than the test waits.
    const settings = { suspectMs: 60_000, deadMs: 120_000 };
    const near = await nodes.start('near', { settings });
    const far = await nodes.start('far', { settings });
    await connected(near, far);
    const dead = untilPeer(near, far.self, ({ state }) => state === 'dead');
    await nodes.crash(far);
    await dead;
  });

  it('suspects a silent link, gives it up later, and takes it back without a restart', async () => {
    await using nodes = new TestNodes();
    const { near, far, proxy } = await throughProxy(nodes);
    await using _proxy = proxy;
    far.handle('test/hanging', () => {});
    const stream = await near.open(far.self, 'test/hanging');
    const states = statesOf(near);
    proxy.hold();
    await untilPeer(near, far.self, ({ state }) => state === 'suspect');
    await untilPeer(near, far.self, ({ state }) => state === 'dead');
    expect(await stream.closed).toBeInstanceOf(StreamLostError);
    proxy.release();
    await untilPeer(near, far.self, ({ state }) => state === 'alive');
    await untilPeer(far, near.self, ({ state }) => state === 'alive');
    expect(states).toEqual(['suspect', 'dead', 'alive']);
    far.answer('test/again', async () => 'here');
    expect(await near.request(far.self, 'test/again', 1)).toBe('here');
  });

  it('lets a stall pass that is shorter than the patience', async () => {
    await using nodes = new TestNodes();
    const { near, far, proxy } = await throughProxy(nodes, { ...SETTINGS, suspectMs: 100, deadMs: 5_000 });
    await using _proxy = proxy;
    far.answer('test/echo', async (question) => question);
    far.handle('test/kept', (stream) => stream.onFrame(({ header }) => void stream.send(header)));
    const stream = await near.open(far.self, 'test/kept');
    const states = statesOf(near);
    proxy.hold();
    await untilPeer(near, far.self, ({ state }) => state === 'suspect');
    proxy.release();
    await untilPeer(near, far.self, ({ state }) => state === 'alive');
    const back = new Promise((resolve) => {
      stream.onFrame(({ header }) => resolve(header));
    });
    await stream.send('still the same stream');
    expect(await back).toBe('still the same stream');
    expect(states).not.toContain('dead');
  });

  it('comes back over a new connection when the old one breaks', async () => {
    await using nodes = new TestNodes();
    const { near, far, proxy } = await throughProxy(nodes);
    await using _proxy = proxy;
    proxy.cut();
    await until(near, () => near.peer(far.self)?.state !== 'alive');
    await connected(near, far);
    far.answer('test/echo', async (question) => question);
    expect(await near.request(far.self, 'test/echo', 5)).toBe(5);
  });

  it('of one node is noticed by all others', async () => {
    await using nodes = new TestNodes();
    // Once it is known well, only its neighbours ask `far` within the time of this test; `mesh-network` of the benches has the times.
    const settings = { ...SETTINGS, idleMs: 60_000 };
    const others: MeshNode[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e']) others.push(await nodes.start(name, { settings }));
    await connected(...others);
    const proxies = await Promise.all(others.map(async (node) => Proxy.to(node.addresses[0] ?? '')));
    try {
      const far = await nodes.start('far', { settings, peers: proxies.map(({ address }) => address), listen: { hosts: [] } });
      await connected(far, ...others);
      await Promise.all(others.map(async (node) => untilPeer(node, far.self, ({ link }) => link.roundTripMs.p50 > 0)));
      // Not until they take it for dead: by then it may have found a way around the proxies, by the addresses in the others' cards.
      const suspected = others.map(async (node) => untilPeer(node, far.self, ({ state }) => state !== 'alive'));
      for (const proxy of proxies) proxy.hold();
      await Promise.all(suspected);
    } finally {
      await Promise.all(proxies.map(async (proxy) => proxy[Symbol.asyncDispose]()));
    }
  });

  it('tells those who stop from those who break', async () => {
    await using nodes = new TestNodes();
    const near = await nodes.start('near');
    const far = await nodes.start('far');
    await connected(near, far);
    const states = statesOf(near);
    await far.stop();
    await untilPeer(near, far.self, ({ state }) => state === 'dead');
    expect(states).toEqual(['dead']);
  });

  it('says goodbye before it sleeps, is not to be reached, and comes back when it wakes', async () => {
    await using nodes = new TestNodes();
    const near = await nodes.start('near', { settings: SETTINGS });
    const far = await nodes.start('far', { settings: SETTINGS });
    far.answer('test/echo', async (question) => question);
    await connected(near, far);
    const states = statesOf(near);
    await far.doze();
    await untilPeer(near, far.self, ({ state }) => state === 'dead');
    await expect(near.request(far.self, 'test/echo', 1)).rejects.toThrow();
    // It dials nobody either.
    await untilPeer(far, near.self, ({ state }) => state === 'dead');
    expect(states).toEqual(['dead']);
    far.wake();
    await connected(near, far);
    expect(await near.request(far.self, 'test/echo', 2)).toBe(2);
    expect(states).toEqual(['dead', 'alive']);
  });

  it('drops what the others gave up when it wakes without having been warned, and dials again', async () => {
    await using nodes = new TestNodes();
    const near = await nodes.start('near', { settings: SETTINGS });
    const far = await nodes.start('far', { settings: SETTINGS });
    near.handle('test/hanging', () => {});
    near.answer('test/echo', async (question) => question);
    await connected(near, far);
    const stream = await far.open(near.self, 'test/hanging');
    far.wake();
    expect(await stream.closed).toBeInstanceOf(StreamLostError);
    await connected(near, far);
    expect(await far.request(near.self, 'test/echo', 3)).toBe(3);
  });

  it('loses nothing that is said while one of two connections that were dialled at once is given up', async () => {
    await using nodes = new TestNodes();
    const near = await nodes.start('near', { settings: SETTINGS });
    const far = await nodes.start('far', { settings: SETTINGS });
    for (const node of [near, far]) node.answer('test/echo', async (question) => question);
    for (let round = 0; round < 10; round++) {
      await connected(near, far);
      for (let i = 0; i < 10; i++) {
        const answers = [far.request(near.self, 'test/echo', i), near.request(far.self, 'test/echo', i)];
        expect(await Promise.all(answers)).toEqual([i, i]);
      }
      const lost = [near, far].map(async (node, i) =>
        untilPeer(node, (i === 0 ? far : near).self, ({ state }) => state !== 'alive'),
      );
      far.wake();
      await Promise.all(lost);
    }
  });

  it('lets go of a request in time whose way is full, and of one that somebody gives up', async () => {
    await using nodes = new TestNodes();
    const { near, far, proxy } = await throughProxy(nodes, { ...SETTINGS, suspectMs: 30_000, deadMs: 60_000 });
    await using _proxy = proxy;
    far.handle('test/sink', () => {});
    far.answer('test/echo', async (question) => question);
    const sinks = await Promise.all(Array.from({ length: 12 }, async () => near.open(far.self, 'test/sink')));
    await near.request(far.self, 'test/echo', 1);
    // The control stream, those and one that is ready for the next who asks.
    const streams = (): readonly Stream[] => nodes.transports.get(near)?.getConnections()[0]?.streams ?? [];
    await vi.waitFor(() => expect(streams().filter(({ protocol }) => protocol === STREAM_PROTOCOL)).toHaveLength(14), WAIT);
    proxy.hold();
    for (const sink of sinks) sink.send(0, new Uint8Array(4 * 1024 * 1024)).catch(() => {});
    const late = near.request(far.self, 'test/echo', 3, { timeoutMs: 200 });
    await expect(late).rejects.toMatchObject({ code: 'peer_unreachable' });
    const reason = new Error('enough');
    await expect(near.request(far.self, 'test/echo', 4, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    proxy.cut();
  });

  it('measures round trips without extra messages', async () => {
    await using nodes = new TestNodes();
    const settings = { heartbeatMs: 20 };
    const near = await nodes.start('near', { settings });
    const far = await nodes.start('far', { settings });
    await connected(near, far);
    await untilPeer(near, far.self, ({ link }) => link.roundTripMs.p50 > 0);
    const link = near.peer(far.self)?.link;
    expect(link?.roundTripMs.p99).toBeGreaterThanOrEqual(link?.roundTripMs.p50 ?? 0);
    expect(link).toMatchObject({ tier: 0, interfaceType: 'loopback', throughput: 0 });
    expect(await near.measureThroughput(far.self)).toBeGreaterThan(1e6);
    expect(near.peer(far.self)?.link.throughput).toBeGreaterThan(1e6);
  });
});

describe('silence', () => {
  it('is suspect after one limit and dead after the other', () => {
    const settings = { suspectMs: 1_000, deadMs: 3_000 };
    expect([0, 999, 1_000, 2_999, 3_000].map((silentMs) => stateAfter(silentMs, settings))).toEqual([
      'alive',
      'alive',
      'suspect',
      'suspect',
      'dead',
    ]);
  });

  it('of a process that stood still itself is not held against the others', () => {
    expect(ownStall(260, 250)).toBe(0);
    expect(ownStall(20_000, 250)).toBe(19_750);
  });
});

describe('round trips', () => {
  it('keep the last minute', () => {
    const trips = new RoundTrips();
    expect(trips.summary).toEqual({ p50: 0, p99: 0 });
    for (let i = 0; i < 240; i++) trips.add(1_000);
    for (let i = 1; i <= 240; i++) trips.add(i);
    expect(trips.summary).toEqual({ p50: 121, p99: 238 });
  });
});
