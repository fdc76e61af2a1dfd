import { silentLogger, type Clock, type Peer, type PeerId } from '@pippa/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { LinkProbes } from '../src/mesh/probe-links.ts';
import { samplePeer } from './support/sample-report.ts';

/** Links that are measured by saying so. */
class FakeLinks {
  readonly measured: string[] = [];
  fails = false;
  #peers: Peer[] = [];
  #listener: (peer: Peer) => void = () => {};

  peers(): readonly Peer[] {
    return this.#peers;
  }

  onPeersChanged(listener: (peer: Peer) => void): () => void {
    this.#listener = listener;
    return () => {
      this.#listener = () => {};
    };
  }

  async measureThroughput(id: PeerId): Promise<number> {
    this.measured.push(id);
    if (this.fails) throw new Error('not now');
    this.set(id, 1e9);
    return 1e9;
  }

  /** A link with this figure; 0 is a new one. */
  set(id: string, throughput: number, state: Peer['state'] = 'alive'): void {
    const peer = { ...samplePeer(id), id: id as PeerId, state };
    const changed = { ...peer, link: { ...peer.link, throughput } };
    this.#peers = [...this.#peers.filter((each) => each.id !== id), changed];
    this.#listener(changed);
  }
}

/** Time that passes when it is told to. */
class HandClock implements Clock {
  #nowMs = 0;
  readonly #due = new Map<() => void, number>();

  nowMs = (): number => this.#nowMs;
  wallMs = (): number => this.#nowMs;

  schedule(delayMs: number, callback: () => void): () => void {
    this.#due.set(callback, this.#nowMs + delayMs);
    return () => this.#due.delete(callback);
  }

  async pass(ms: number): Promise<void> {
    this.#nowMs += ms;
    for (const [callback, atMs] of this.#due)
      if (atMs <= this.#nowMs) {
        this.#due.delete(callback);
        callback();
      }
    // What was begun is done with the turns that it takes.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

let links: FakeLinks;
let clock: HandClock;
let probes: LinkProbes;
beforeEach(() => {
  links = new FakeLinks();
  clock = new HandClock();
  probes = new LinkProbes({ node: links, logger: silentLogger, clock });
});

describe('links', () => {
  it('are measured once when they come up, and anew when another one takes over', async () => {
    links.set('one', 0);
    links.set('one', 0);
    await clock.pass(2_000);
    links.set('one', 1e9);
    await clock.pass(2_000);
    expect(links.measured).toEqual(['one']);
    links.set('one', 0);
    await clock.pass(2_000);
    expect(links.measured).toEqual(['one', 'one']);
  });

  it('that cannot be measured are left alone for a minute', async () => {
    links.fails = true;
    links.set('one', 0);
    await clock.pass(2_000);
    links.set('one', 0);
    await clock.pass(2_000);
    expect(links.measured).toEqual(['one']);
    await clock.pass(60_000);
    links.set('one', 0);
    await clock.pass(2_000);
    expect(links.measured).toEqual(['one', 'one']);
  });

  it('are all measured on demand, but for those of peers that do not answer', async () => {
    links.set('one', 1e9);
    links.set('two', 1e9);
    links.set('three', 1e9, 'suspect');
    await probes.measureAll(new AbortController().signal);
    expect(links.measured).toEqual(['one', 'two']);
  });

  it('are not measured for somebody who left', async () => {
    links.set('one', 1e9);
    const left = new Error('left');
    await expect(probes.measureAll(AbortSignal.abort(left))).rejects.toBe(left);
    expect(links.measured).toEqual([]);
  });
});
