import { modelId, peerId, silentLogger, type PeerId, type PeerState } from '@pippa/core';
import type { RingWish } from '@pippa/protocol';
import type { KnownRing } from '@pippa/ring';
import { beforeEach, describe, expect, it } from 'vitest';
import { KeptModels } from '../src/node/kept-models.ts';

const MODEL = modelId('a'.repeat(64));
const wish = { model: { id: MODEL, name: 'medium' }, keep: true } as RingWish;
const [self, anna, ben] = ['self', 'anna', 'ben'].map(peerId) as [PeerId, PeerId, PeerId];

const state = {
  nowMs: 0,
  conductor: undefined as PeerId | undefined,
  isKept: true,
  peers: new Map<PeerId, PeerState>(),
  brought: 0,
  isUp: Promise.withResolvers<void>(),
  signal: undefined as AbortSignal | undefined,
};
let kept: KeptModels;
beforeEach(() => {
  Object.assign(state, { nowMs: 0, conductor: anna, isKept: true, brought: 0, isUp: Promise.withResolvers<void>() });
  state.peers = new Map([anna, ben].map((peer) => [peer, 'alive']));
  kept = new KeptModels({
    mesh: {
      self,
      peer: (id) => ({ id, state: state.peers.get(id) }) as ReturnType<ConstructorParameters<typeof KeptModels>[0]['mesh']['peer']>,
    },
    router: {
      rings: () =>
        state.conductor === undefined
          ? []
          : [{ conductor: state.conductor, card: { model: MODEL, isKept: state.isKept } } as KnownRing],
    },
    bringBack: (_wish, signal) => {
      state.signal = signal;
      state.brought += 1;
      return state.isUp.promise;
    },
    clock: { nowMs: () => state.nowMs },
    random: () => 0.5,
    logger: silentLogger,
  });
  kept.keep(wish);
});

/** Looks once a second, as the node does. */
function look(seconds: number): void {
  for (let second = 0; second < seconds; second += 1) {
    state.nowMs += 1000;
    kept.look();
  }
}

/** The conductor is killed. */
function lose(peer: PeerId): void {
  state.peers.set(peer, 'dead');
  state.conductor = undefined;
}

describe('a model that is to stay up', () => {
  it('comes up again, once, when its conductor is gone, and the next time, too', async () => {
    look(3);
    lose(anna);
    look(2);
    expect(state.brought).toBe(0);
    look(60);
    expect(state.brought).toBe(1);
    state.conductor = ben;
    state.isUp.resolve();
    await state.isUp.promise;
    look(3);
    lose(ben);
    look(10);
    expect(state.brought).toBe(2);
  });

  it('is left to whoever places it anew at once', () => {
    lose(anna);
    look(1);
    state.conductor = ben;
    look(60);
    expect(state.brought).toBe(0);
  });

  it('stays down when it was taken down, whoever goes then', () => {
    state.conductor = undefined;
    look(15);
    lose(anna);
    look(60);
    expect(state.brought).toBe(0);
  });

  it('is on its conductor to bring up again where room was missing, and on everybody else when that one goes, too', () => {
    state.conductor = undefined;
    look(60);
    state.conductor = anna;
    look(3);
    lose(anna);
    look(10);
    expect(state.brought).toBe(1);
  });

  it('is not what a request brought up after it was taken down', () => {
    state.conductor = undefined;
    look(15);
    Object.assign(state, { conductor: ben, isKept: false });
    look(3);
    lose(ben);
    look(60);
    expect(state.brought).toBe(0);
  });

  it('comes up again here at once, as soon as there is room, when its ring could not be mended', () => {
    kept.bringBack(wish);
    kept.bringBack(wish);
    expect(state.brought).toBe(1);
    expect(state.signal?.aborted).toBe(false);
    kept.forget(MODEL);
    expect(state.signal?.aborted).toBe(true);
  });

  it('goes over to another conductor in between two cards', () => {
    state.conductor = undefined;
    look(3);
    state.conductor = ben;
    look(1);
    lose(ben);
    look(10);
    expect(state.brought).toBe(1);
  });

  it('is not brought back by the node where it was taken down', () => {
    kept.forget(MODEL);
    lose(anna);
    look(60);
    expect(state.brought).toBe(0);
  });
});
