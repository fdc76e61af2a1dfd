import { peerId, ringId, modelId, type CardRing, type Mesh } from '@pippa/core';
import { blankCard } from '@pippa/testing';
import { describe, expect, it } from 'vitest';
import { StageActivity } from '../src/node/stage-activity.ts';
import { transferBytesPerSecond } from '../src/node/transfer-rate.ts';

const ring = (running: number, peers: readonly string[]): CardRing => ({
  ring: ringId('ring'),
  model: modelId('model'),
  name: 'model',
  state: 'ready',
  stages: peers.map((peer, index) => ({ peer: peerId(peer), from: index, to: index + 1 })),
  contextTokens: 1,
  parallelSequences: 1,
  running,
  waiting: 0,
  predictedTokensPerSecond: 0,
  measuredTokensPerSecond: 0,
});

/** A mesh of `a` (this node) and `b`. */
function mesh(own: readonly CardRing[], others: readonly CardRing[], throughput = 0): Pick<Mesh, 'self' | 'card' | 'peers'> {
  const card = { ...blankCard('b'), peer: peerId('b'), rings: others };
  const link = { tier: 3, interfaceType: 'loopback', roundTripMs: { p50: 0, p99: 0 }, throughput } as const;
  return {
    self: peerId('a'),
    card: { ...blankCard('a'), peer: peerId('a'), rings: own },
    peers: () => [{ id: peerId('b'), state: 'alive', card, link }],
  };
}

describe('the rate of transfers', () => {
  it.each([
    ['nothing runs', [ring(0, ['a'])], [ring(0, ['b'])], undefined, Infinity],
    ['a ring of others runs', [], [ring(1, ['b'])], undefined, Infinity],
    ['a ring that this node conducts runs', [ring(1, ['b'])], [], undefined, 50e6],
    ['a ring that it holds a stage of runs', [], [ring(2, ['b', 'a'])], undefined, 50e6],
    ['somebody set one', [], [], 20, 20e6],
    ['somebody set a high one, and a ring runs', [ring(1, ['a'])], [], 200, 50e6],
  ])('when %s', (_what, own, others, limit, rate) => {
    expect(transferBytesPerSecond(mesh(own, others), limit, false)).toBe(rate);
  });

  it.each([
    ['leaves most of a slow link to the answers', 20e6, 8e6],
    ['lets a very slow one go on', 1e6, 1e6],
    ['takes no more of a fast one', 1e9, 50e6],
  ])('%s', (_what, throughput, rate) => {
    expect(transferBytesPerSecond(mesh([ring(1, ['a', 'b'])], [], throughput), undefined, false)).toBe(rate);
    expect(transferBytesPerSecond(mesh([], [], throughput), undefined, false)).toBe(Infinity);
  });

  it('falls at once when a stage here gets a step, and rises when none came for a while', () => {
    let nowMs = 0;
    const activity = new StageActivity({ nowMs: () => nowMs });
    const rate = (): number => transferBytesPerSecond(mesh([], []), undefined, activity.isComputing);
    expect(rate()).toBe(Infinity);
    activity.note();
    expect(rate()).toBe(50e6);
    nowMs += 1000;
    activity.note();
    nowMs += 1500;
    expect(rate()).toBe(50e6);
    nowMs += 1000;
    expect(rate()).toBe(Infinity);
  });
});
