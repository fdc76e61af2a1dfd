import { peerId, silentLogger } from '@pippa/core';
import { MemoryNetwork, type MemoryMesh } from '@pippa/testing';
import { expect, it } from 'vitest';
import type { PendingJoin } from '../src/mesh/mesh-administration.ts';
import { SharedJoins, type JoinDesk } from '../src/mesh/shared-joins.ts';

/** A member at which a test has nodes wait. */
function deskOf(mesh: MemoryMesh): { desk: JoinDesk; wait: (...pending: PendingJoin[]) => void } {
  let pendingJoins: readonly PendingJoin[] = [];
  const listeners = new Set<() => void>();
  const desk: JoinDesk = Object.assign(mesh, {
    pendingJoins,
    onPendingJoinsChanged(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    approve: () => {},
  });
  Object.defineProperty(desk, 'pendingJoins', { get: () => pendingJoins });
  const wait = (...pending: PendingJoin[]): void => {
    pendingJoins = pending;
    for (const listener of listeners) listener();
  };
  return { desk, wait };
}

it('those who wait at another member are told in order, whichever message is faster', async () => {
  const network = new MemoryNetwork();
  const [a, b] = [deskOf(network.node('a')), deskOf(network.node('b'))];
  const there = new SharedJoins(b.desk, silentLogger);
  const here = new SharedJoins(a.desk, silentLogger);
  const mayGo = Promise.withResolvers<void>();
  const request = a.desk.request.bind(a.desk);
  let isFirst = true;
  a.desk.request = async (...question) => {
    if (isFirst) {
      isFirst = false;
      await mayGo.promise;
    }
    return request(...question);
  };
  a.wait({ peer: peerId('new-node-of-the-house'), name: 'new', words: 'four words to compare' });
  a.wait();
  await new Promise((resolve) => setImmediate(resolve));
  const seen: number[] = [];
  there.onChanged(() => seen.push(there.list.length));
  mayGo.resolve();
  await expect.poll(() => seen.at(-1)).toBe(0);
  await new Promise((resolve) => setImmediate(resolve));
  expect(there.list).toEqual([]);
  here.stop();
  there.stop();
});
