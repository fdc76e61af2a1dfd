import { silentLogger, systemClock } from '@pippa/core';
import { randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { shortWords } from '../src/admission/words.ts';
import {
  AdmissionError,
  foundMesh,
  inviteCode,
  memoryMeshState,
  type MeshNode,
  type MeshState,
  type PendingJoin,
} from '../src/index.ts';
import { MembershipService } from '../src/membership/membership-service.ts';
import { PeerTable } from '../src/peers/peer-table.ts';
import { applyKeyChange, isNewer, removalOf } from '../src/state/rotate.ts';
import { createIdentity } from '../src/state/identity.ts';
import { connected, TestNodes, until, untilPeer } from './support/nodes.ts';

const WAIT = { timeout: 8_000, interval: 10 };

async function pendingAt(node: MeshNode, count = 1): Promise<readonly PendingJoin[]> {
  if (node.pendingJoins.length === count) return node.pendingJoins;
  return new Promise((resolve) => {
    const stop = node.onPendingJoinsChanged((pending) => {
      if (pending.length !== count) return;
      stop();
      resolve(pending);
    });
  });
}

async function tagChanged(node: MeshNode, from: string): Promise<void> {
  if (tagOf(node) !== from) return;
  await new Promise<void>((resolve) => {
    const stop = node.onMembershipChanged(() => {
      if (tagOf(node) === from) return;
      stop();
      resolve();
    });
  });
}

function tagOf(node: MeshNode): string {
  return node.membership.kind === 'member' ? node.membership.tag : '';
}

async function stranger(nodes: TestNodes, name = 'new'): Promise<MeshNode> {
  return nodes.start(name, { state: await memoryMeshState() });
}

describe('joining', () => {
  it('by code makes a member', async () => {
    await using nodes = new TestNodes();
    const member = await nodes.start('member');
    const node = await stranger(nodes);
    expect(node.membership).toEqual({ kind: 'stranger' });
    expect(() => node.inviteCode).toThrow(AdmissionError);
    await node.join(member.inviteCode.toLowerCase().replaceAll('-', ' '));
    await connected(member, node);
    expect(node.inviteCode).toBe(member.inviteCode);
    await expect(node.join(inviteCode(new Uint8Array(16)))).rejects.toMatchObject({ code: 'already_member' });
  });

  it('by approval shows the same words on both sides, and waits for the person', async () => {
    await using nodes = new TestNodes();
    const member = await nodes.start('member');
    const node = await stranger(nodes);
    let shown = '';
    const asking = node.askToJoin({
      onWords: (words) => {
        shown = words;
      },
    });
    const [pending] = await pendingAt(member);
    expect(pending).toMatchObject({ peer: node.self, name: 'new' });
    expect(node.membership).toEqual({ kind: 'asking', member: member.self, words: pending?.words });
    expect(shown).toBe(pending?.words);
    expect(shown.split(' ')).toHaveLength(4);
    expect(node.peers()).toEqual([]);
    expect(member.peers()).toEqual([]);
    expect(() => member.approve('somebody else')).toThrow(expect.objectContaining({ code: 'not_waiting' }));
    member.approve('new');
    await asking;
    await connected(member, node);
    expect(tagOf(node)).toBe(tagOf(member));
    expect(member.pendingJoins).toEqual([]);
  });

  it('is refused when the person says no, and a second one of the same name must be told by its id', async () => {
    await using nodes = new TestNodes();
    const member = await nodes.start('member');
    const one = await stranger(nodes);
    const two = await stranger(nodes);
    const first = one.askToJoin();
    const second = two.askToJoin();
    first.catch(() => {});
    await pendingAt(member, 2);
    expect(() => member.approve('new')).toThrow(expect.objectContaining({ code: 'ambiguous' }));
    member.deny(one.self);
    await expect(first).rejects.toMatchObject({ code: 'not_approved' });
    expect(one.membership).toEqual({ kind: 'stranger' });
    member.approve(two.self);
    await second;
    await connected(member, two);
  });

  it('ends with the patience of the one who asks', async () => {
    await using nodes = new TestNodes();
    const member = await nodes.start('member');
    const node = await stranger(nodes);
    const controller = new AbortController();
    const asking = node.askToJoin({ signal: controller.signal });
    asking.catch(() => {});
    await pendingAt(member);
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(asking).rejects.toBe(reason);
    await pendingAt(member, 0);
  });

  it('is not possible through a node that has no mesh, nor without anybody', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start('one', { state: await memoryMeshState() });
    const two = await nodes.start('two', { state: await memoryMeshState(), peers: one.addresses });
    await expect(two.askToJoin()).rejects.toMatchObject({ code: 'no_key' });
    const alone = await nodes.start('alone', { state: await memoryMeshState(), peers: [] });
    await expect(alone.askToJoin()).rejects.toMatchObject({ code: 'peer_unreachable' });
    await alone.found();
    expect(alone.membership.kind).toBe('member');
  });

  it('gives words that a man in the middle cannot make equal', async () => {
    const [joiner, member, middle] = await Promise.all([createIdentity(), createIdentity(), createIdentity()]);
    const common = { joinerNonce: new Uint8Array(32), memberNonce: new Uint8Array(32), name: 'new' };
    const atJoiner = shortWords({ ...common, joiner: joiner.peer, member: middle.peer });
    const atMember = shortWords({ ...common, joiner: middle.peer, member: member.peer });
    expect(atJoiner).not.toBe(atMember);
  });
});

describe('an open mesh', () => {
  it('takes whoever comes, keeps no key, and mixes with no closed one', async () => {
    await using nodes = new TestNodes();
    const state = await memoryMeshState();
    const one = await nodes.start('one', { state, open: true });
    const two = await nodes.start('two', { state: await memoryMeshState(), open: true });
    await connected(one, two);
    expect(one.membership).toMatchObject({ kind: 'member', open: true });
    expect(state.membership).toBeUndefined();
    await expect(one.kick('two')).rejects.toMatchObject({ code: 'invalid_input' });
    const closed = await nodes.start('closed', { peers: one.addresses });
    await vi.waitFor(() => expect(closed.problems).not.toEqual([]), WAIT);
    expect(closed.problems[0]?.code).toBe('wrong_key');
    expect(one.peers()).toHaveLength(1);
  });
});

describe('removing a member', () => {
  it('gives the others a new key, with which the removed one does not come back', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start('one');
    const two = await nodes.start('two');
    const out = await nodes.start('out');
    await connected(one, two, out);
    const before = tagOf(one);
    expect(await one.kick('out')).toBe(out.self);
    await tagChanged(two, before);
    expect(tagOf(two)).toBe(tagOf(one));
    await untilPeer(out, one.self, ({ state }) => state === 'dead');
    await vi.waitFor(() => expect(out.problems.map(({ code }) => code)).toContain('removed'), WAIT);
    expect(out.problems.find(({ code }) => code === 'removed')?.message).toMatch(/^(one|two) refused/);
    expect(tagOf(out)).toBe(before);
    expect(one.peers().map(({ id }) => id)).toEqual([two.self]);
    expect(two.peers().map(({ id }) => id)).toEqual([one.self]);
    await expect(one.kick('nobody')).rejects.toMatchObject({ code: 'no_such_member' });
    // Let in again on purpose.
    const code = one.inviteCode;
    await out.leave();
    expect(out.membership.kind).toBe('stranger');
    await out.join(code);
    await connected(one, two, out);
  });

  it('reaches those who were away when they come back', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start('one');
    const out = await nodes.start('out');
    const state = await memoryMeshState({ membership: nodes.membership });
    const away = await nodes.start('away', { state });
    await connected(one, out, away);
    await away.stop();
    await untilPeer(one, away.self, ({ state: peerState }) => peerState === 'dead');
    const old = tagOf(one);
    await one.kick(out.self);
    const back = await nodes.start('away', {
      state: await memoryMeshState({ identity: state.identity, membership: nodes.membership }),
    });
    await connected(one, back);
    await tagChanged(back, old);
    expect(back.inviteCode).toBe(one.inviteCode);
  });

  it('that is away holds when it comes back, and with every other member', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start('one');
    const two = await nodes.start('two');
    const state = await memoryMeshState({ membership: nodes.membership });
    const out = await nodes.start('out', { state });
    await connected(one, two, out);
    await out.stop();
    await untilPeer(one, out.self, ({ state: peerState }) => peerState === 'dead');
    const before = tagOf(two);
    await one.kick('out');
    await tagChanged(two, before);
    expect(one.members.map(({ name }) => name)).toEqual(['two']);
    const back = await nodes.start('out', {
      state: await memoryMeshState({ identity: state.identity, membership: nodes.membership }),
      peers: [...one.addresses, ...two.addresses],
    });
    await vi.waitFor(() => expect(back.problems.filter(({ code }) => code === 'removed')).toHaveLength(2), WAIT);
    expect([one, two, back].map((node) => node.peers().length)).toEqual([1, 1, 0]);
  });

  it('that this node has never met is done by its whole id; itself it cannot remove', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start('one');
    const { peer } = await createIdentity();
    expect(await one.kick(peer)).toBe(peer);
    await expect(one.kick(peer.slice(0, 20))).rejects.toMatchObject({ code: 'no_such_member' });
    await expect(one.kick(one.self)).rejects.toMatchObject({ code: 'itself' });
  });

  it('by two members at once leaves one key, and neither of the removed', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start('one');
    const two = await nodes.start('two');
    const x = await nodes.start('x');
    const y = await nodes.start('y');
    await connected(one, two, x, y);
    await Promise.all([one.kick(x.self), two.kick(y.self)]);
    await vi.waitFor(() => {
      expect(one.inviteCode).toBe(two.inviteCode);
      expect([one.peers().length, two.peers().length]).toEqual([1, 1]);
    }, WAIT);
    expect(one.peers()[0]?.id).toBe(two.self);
  });
});

describe('leaving', () => {
  it('is told to the others, who forget the one that left', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start('one');
    const state: MeshState = await memoryMeshState({ membership: nodes.membership });
    const two = await nodes.start('two', { state });
    await connected(one, two);
    await two.leave();
    await until(one, () => one.peers().length === 0);
    expect(two.peers()).toEqual([]);
    expect(state.membership).toBeUndefined();
    await expect(two.leave()).rejects.toMatchObject({ code: 'no_key' });
  });
});

describe('a change of the key', () => {
  it('that comes with another one is let be when this node leaves before it is written down', async () => {
    const [self, x, y] = await Promise.all([createIdentity(), createIdentity(), createIdentity()]);
    const written = Promise.withResolvers<void>();
    let isSlow = false;
    const state = await memoryMeshState({ identity: self, membership: foundMesh() });
    const service = new MembershipService({
      state: { ...state, membership: state.membership, save: async () => (isSlow ? written.promise : undefined) },
      open: false,
      clock: systemClock,
      logger: silentLogger,
      table: new PeerTable(silentLogger),
      broadcast: () => {},
      drop: () => {},
      onChanged: () => {},
    });
    await service.kick(x.peer);
    isSlow = true;
    const heeded = service.heed({ key: new Uint8Array(16).fill(255), epoch: 1, removed: [y.peer] }, y.peer, self.peer);
    const left = service.leave();
    written.resolve();
    await Promise.all([heeded, left]);
    expect(service.current).toBeUndefined();
  });

  it('keeps the old one for those who stay, and for nobody else', async () => {
    const [a, b, c] = await Promise.all([createIdentity(), createIdentity(), createIdentity()]);
    const before = { ...foundMesh(), members: [a, b].map(({ peer }) => ({ peer, addresses: [] })) };
    const change = removalOf(before, [b.peer]);
    const after = applyKeyChange(before, change, [c.peer]);
    expect(after.epoch).toBe(1);
    expect(after.former).toEqual([{ key: before.key, epoch: 0, members: [a.peer, c.peer] }]);
    expect(after.members.map(({ peer }) => peer)).toEqual([a.peer]);
    expect(after.removed).toEqual([b.peer]);
    const again = applyKeyChange(after, removalOf(after, [a.peer]), [c.peer]);
    expect(again.former.map(({ members }) => members)).toEqual([[c.peer], [c.peer]]);
    expect(again.removed).toEqual([b.peer, a.peer]);
  });

  it('is newer by its epoch, then by its key, so that all nodes choose the same', () => {
    const low = { key: new Uint8Array(16).fill(1), epoch: 2 };
    const high = { key: new Uint8Array(randomBytes(16)).fill(9, 0, 1), epoch: 2 };
    expect([isNewer(high, low), isNewer(low, high), isNewer(low, low)]).toEqual([true, false, false]);
    expect(isNewer({ ...low, epoch: 3 }, high)).toBe(true);
    expect(isNewer({ ...high, epoch: 1 }, low)).toBe(false);
  });
});
