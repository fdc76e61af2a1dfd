import {
  ADMISSION_FRAME_LIMITS,
  ADMISSION_PROTOCOL,
  admissionChallenge,
  admissionProof,
  CONTROL_PROTOCOL,
  PROTOCOL_VERSION,
  STREAM_PROTOCOL,
} from '@pippa/protocol';
import { randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { keyTag, proveKey } from '../src/admission/key-material.ts';
import { createMesh, foundMesh, memoryMeshState, type MeshNode } from '../src/index.ts';
import { PeerStream } from '../src/streams/peer-stream.ts';
import { Attacker, ended } from './support/attacker.ts';
import { cardOf, connected, TestNodes } from './support/nodes.ts';

const WAIT = { timeout: 8_000, interval: 10 };
const soon = (): AbortSignal => AbortSignal.timeout(5_000);

/** Two members, one of which answers, so that it shows whether they are disturbed. */
async function members(nodes: TestNodes, settings = {}): Promise<[near: MeshNode, far: MeshNode]> {
  const near = await nodes.start('near', { settings });
  const far = await nodes.start('far', { settings });
  await connected(near, far);
  far.answer('test/echo', async (question) => question);
  near.answer('test/echo', async (question) => question);
  return [near, far];
}

async function undisturbed(near: MeshNode, far: MeshNode, others = 1): Promise<void> {
  expect(await near.request(far.self, 'test/echo', 1)).toBe(1);
  expect(near.peers()).toHaveLength(others);
  expect(near.peer(far.self)?.state).toBe('alive');
}

function addressOf(node: MeshNode): string {
  return node.addresses[0] ?? '';
}

/** What the insider is to prove the key over: it has begun, and `near` answered. */
async function challenged(insider: Attacker, near: MeshNode, key: Uint8Array) {
  const connection = await insider.connect(addressOf(near));
  const dialogue = await insider.admission(connection);
  const nonce = new Uint8Array(randomBytes(32));
  await dialogue.say({ kind: 'prove', version: PROTOCOL_VERSION, nonce, keyTag: keyTag(key, nonce) });
  const challenge = await dialogue.hear(admissionChallenge, 'a test', soon());
  if (challenge.kind !== 'challenge') throw new Error('unreachable');
  const transcript = { initiator: insider.peer, responder: near.self, initiatorNonce: nonce, responderNonce: challenge.nonce };
  return { connection, dialogue, transcript };
}

describe('a stranger', () => {
  it('reaches no protocol but admission, and is cut off', async () => {
    await using nodes = new TestNodes();
    const [near, far] = await members(nodes, { admissionMs: 300 });
    await using attacker = await Attacker.create();
    const connection = await attacker.connect(addressOf(near));
    const stream = await attacker.stream(connection, STREAM_PROTOCOL).catch(() => undefined);
    await stream?.sendControl({ kind: 'open', protocol: 'test/echo' });
    const heard: unknown[] = [];
    stream?.onFrame(({ header }) => heard.push(header));
    await ended(connection);
    expect(heard).toEqual([]);
    for (const protocol of ['/ipfs/id/1.0.0', '/ipfs/ping/1.0.0', '/meshsub/1.1.0'])
      await expect(attacker.libp2p.dialProtocol(connection.remoteAddr, protocol, { signal: soon() })).rejects.toThrow();
    await undisturbed(near, far);
  });

  it('that opens many streams or sends much is cut off at once', async () => {
    await using nodes = new TestNodes();
    const [near, far] = await members(nodes, { admissionMs: 60_000 });
    await using attacker = await Attacker.create();
    const many = await attacker.connect(addressOf(near));
    await Promise.allSettled(Array.from({ length: 50 }, async () => attacker.stream(many, STREAM_PROTOCOL)));
    await ended(many);
    const much = await attacker.connect(addressOf(near));
    const raw = await much.newStream(STREAM_PROTOCOL).catch(() => undefined);
    raw?.send(new Uint8Array(3 * 1024 * 1024));
    await ended(much);
    await undisturbed(near, far);
  });

  it('with another key is refused, and told what to do', async () => {
    await using nodes = new TestNodes();
    const [near, far] = await members(nodes);
    const other = await nodes.start('other', { membership: foundMesh(), peers: near.addresses });
    await vi.waitFor(() => expect(other.problems).not.toEqual([]), WAIT);
    expect(other.problems[0]?.code).toBe('wrong_key');
    expect(other.peers()).toEqual([]);
    await undisturbed(near, far);
  });

  it('cannot prove a key it does not have, nor with a proof made for others', async () => {
    await using nodes = new TestNodes();
    const [near, far] = await members(nodes);
    await using attacker = await Attacker.create();
    const { key } = nodes.membership;
    const nonce = new Uint8Array(randomBytes(32));
    // What a member once sent to another: right in everything but who and when.
    const replayed = (responderNonce: Uint8Array): Uint8Array[] => [
      proveKey(key, 'initiator', { initiator: far.self, responder: near.self, initiatorNonce: nonce, responderNonce }),
      proveKey(key, 'initiator', { initiator: attacker.peer, responder: near.self, initiatorNonce: nonce, responderNonce: nonce }),
      proveKey(key, 'responder', { initiator: attacker.peer, responder: near.self, initiatorNonce: nonce, responderNonce }),
      proveKey(new Uint8Array(16), 'initiator', {
        initiator: attacker.peer,
        responder: near.self,
        initiatorNonce: nonce,
        responderNonce,
      }),
      new Uint8Array(32),
    ];
    for (const [index] of replayed(nonce).entries()) {
      const connection = await attacker.connect(addressOf(near));
      const dialogue = await attacker.admission(connection);
      await dialogue.say({ kind: 'prove', version: PROTOCOL_VERSION, nonce, keyTag: keyTag(key, nonce) });
      const challenge = await dialogue.hear(admissionChallenge, 'a test', soon());
      if (challenge.kind !== 'challenge') throw new Error('unreachable');
      await dialogue.say({ kind: 'proof', mac: replayed(challenge.nonce)[index] });
      const answer = await dialogue.hear(admissionProof, 'a test', soon());
      expect(answer).toMatchObject({ kind: 'refused', code: 'wrong_key' });
      await ended(connection);
    }
    await undisturbed(near, far);
  });

  it('that does prove the key is a member: the test above fails for the right reason', async () => {
    await using nodes = new TestNodes();
    const [near] = await members(nodes);
    await using insider = await Attacker.create();
    const { key } = nodes.membership;
    const { dialogue, transcript } = await challenged(insider, near, key);
    await dialogue.say({ kind: 'proof', mac: proveKey(key, 'initiator', transcript) });
    const proof = await dialogue.hear(admissionProof, 'a test', soon());
    expect(proof).toEqual({ kind: 'proof', mac: Buffer.from(proveKey(key, 'responder', transcript)) });
  });

  it.each(['while it proves the key', 'before it opens a stream'])(
    'that is removed %s is cut off and not told the new key',
    async (when) => {
      await using nodes = new TestNodes();
      const [near, far] = await members(nodes);
      await using insider = await Attacker.create();
      const { key } = nodes.membership;
      const { connection, dialogue, transcript } = await challenged(insider, near, key);
      const proof = { kind: 'proof', mac: proveKey(key, 'initiator', transcript) };
      if (when === 'while it proves the key') {
        await near.kick(insider.peer);
        await dialogue.say(proof).catch(() => {});
      } else {
        await dialogue.say(proof);
        await dialogue.hear(admissionProof, 'a test', soon());
        await near.kick(insider.peer);
      }
      const heard: unknown[] = [];
      const control = await insider.stream(connection, STREAM_PROTOCOL).catch(() => undefined);
      control?.onFrame(({ header }) => heard.push(header));
      await control?.sendControl({ kind: 'open', protocol: CONTROL_PROTOCOL }).catch(() => {});
      await ended(connection);
      expect(heard).toEqual([]);
      expect(near.members.map(({ peer }) => peer)).toEqual([far.self]);
      await undisturbed(near, far);
    },
  );

  it('in the middle, with an id of its own, gets nowhere by handing proofs on', async () => {
    await using nodes = new TestNodes();
    const [near, far] = await members(nodes);
    await using middle = await Attacker.create();
    const handedOn: unknown[] = [];
    await middle.libp2p.handle(ADMISSION_PROTOCOL, async (stream) => {
      stream.pause();
      const towardsFar = await middle.admission(await middle.connect(addressOf(far)));
      const fromVictim = new PeerStream(stream, { peer: near.self, protocol: ADMISSION_PROTOCOL, limits: ADMISSION_FRAME_LIMITS });
      const pass = (from: PeerStream, to: PeerStream): void =>
        from.onFrame(({ header }) => {
          handedOn.push((header as { kind: string }).kind);
          to.send(header).catch(() => {});
        });
      pass(fromVictim, towardsFar.stream);
      pass(towardsFar.stream, fromVictim);
    });
    const victim = await nodes.start('victim', { peers: [middle.address] });
    const refused = new Promise<void>((resolve) => {
      middle.libp2p.addEventListener('connection:close', () => {
        if (handedOn.includes('refused')) resolve();
      });
    });
    await refused;
    expect(handedOn.slice(0, 4)).toEqual(['prove', 'challenge', 'proof', 'refused']);
    expect(victim.peers()).toEqual([]);
    await undisturbed(near, far);
  });

  it('of another version is told so', async () => {
    await using nodes = new TestNodes();
    const [near, far] = await members(nodes);
    await using attacker = await Attacker.create();
    const dialogue = await attacker.admission(await attacker.connect(addressOf(near)));
    await dialogue.say({ kind: 'prove', version: PROTOCOL_VERSION + 1, nonce: new Uint8Array(32), keyTag: new Uint8Array(8) });
    expect(await dialogue.hear(admissionChallenge, 'a test', soon())).toMatchObject({
      kind: 'refused',
      code: 'version_mismatch',
      version: PROTOCOL_VERSION,
    });
    await undisturbed(near, far);
    expect(near.problems.map(({ code }) => code)).toEqual(['version_mismatch']);
  });

  it('may come in a flood, and members go on', async () => {
    await using nodes = new TestNodes();
    const [near, far] = await members(nodes, { admissionMs: 1_000 });
    const attackers = await Promise.all(Array.from({ length: 100 }, async () => Attacker.create()));
    try {
      const flood = Promise.allSettled(attackers.map(async (attacker) => attacker.connect(addressOf(near))));
      for (let i = 0; i < 20; i++) expect(await near.request(far.self, 'test/echo', i)).toBe(i);
      const connections = (await flood).flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      await undisturbed(near, far);
      await Promise.all(connections.map(ended));
      const late = await nodes.start('late', { peers: near.addresses });
      await connected(near, late);
      await undisturbed(near, far, 2);
    } finally {
      await Promise.all(attackers.map(async (attacker) => attacker[Symbol.asyncDispose]()));
    }
  });
});

describe('hostile frames', () => {
  it('before admission end the connection, and nothing else', async () => {
    await using nodes = new TestNodes();
    const [near, far] = await members(nodes);
    await using attacker = await Attacker.create();
    for (let i = 0; i < 48; i++) {
      const connection = await attacker.connect(addressOf(near)).catch(() => undefined);
      if (connection === undefined) continue;
      const raw = await connection.newStream(ADMISSION_PROTOCOL).catch(() => undefined);
      if (raw === undefined) continue;
      raw.send(new Uint8Array(randomBytes(1 + i * 4)));
      // Half of them look like frames.
      if (i % 2 === 0) raw.send(Uint8Array.from([16, 0, 0, 0, 9, 0, 0, 0, ...randomBytes(16)]));
      if (i % 4 !== 0) connection.abort(new Error('next'));
    }
    await undisturbed(near, far);
  }, 20_000);

  it('from a member end its stream with a reason', async () => {
    await using nodes = new TestNodes();
    const [near, far] = await members(nodes);
    const taken: unknown[] = [];
    near.handle('test/frames', (stream) => {
      stream.onFrame(({ header }) => taken.push(header));
      void stream.closed.then((error) => taken.push(error?.code));
    });
    const transport = nodes.transports.get(far);
    const connection = transport?.getConnections()[0];
    if (connection === undefined) throw new Error('unreachable');
    for (let i = 0; i < 300; i++) {
      const raw = await connection.newStream(STREAM_PROTOCOL, { maxOutboundStreams: 10_000 });
      if (i % 3 === 0) raw.send(new Uint8Array(randomBytes(1 + i)));
      else {
        const stream = new PeerStream(raw, {
          peer: near.self,
          protocol: 'test/frames',
          limits: ADMISSION_FRAME_LIMITS,
          onNegotiation: () => {},
        });
        await stream.sendControl({ kind: 'open', protocol: 'test/frames' });
        raw.send(Uint8Array.from([255, 255, 255, 4 + (i % 200), 9, 0, 0, 0, ...randomBytes(64)]));
        expect((await stream.closed)?.code).toBe('frame_too_large');
      }
    }
    expect(new Set(taken)).toEqual(new Set(['frame_too_large']));
    await undisturbed(near, far);
  }, 20_000);
});

describe('two nodes with one identity', () => {
  it('are found out by a third', async () => {
    await using nodes = new TestNodes();
    const third = await nodes.start('third');
    const state = await memoryMeshState({ membership: nodes.membership });
    const one = await nodes.start('one', { state, peers: third.addresses });
    await connected(third, one);
    await nodes.start('copy', { state, peers: third.addresses });
    await vi.waitFor(() => expect(third.problems).not.toEqual([]), WAIT);
    expect(third.problems[0]).toMatchObject({ code: 'duplicate_identity' });
    expect(third.problems[0]?.hint).toContain('identity.key');
  });

  it('are found out by each other', async () => {
    await using nodes = new TestNodes();
    const state = await memoryMeshState({ membership: nodes.membership });
    const one = await nodes.start('one', { state });
    const copy = await nodes.start('copy', { state, peers: [addressOf(one).replace(/\/p2p.*/, '')] });
    await vi.waitFor(() => expect(copy.problems).not.toEqual([]), WAIT);
    expect(copy.problems[0]).toMatchObject({ code: 'duplicate_identity' });
  });
});

describe('options', () => {
  it('that cannot be are refused at once', async () => {
    const state = await memoryMeshState();
    expect(() => createMesh({ state, card: cardOf('x'), peers: ['192.168.1.2:80'] })).toThrow(/multiaddr/);
    expect(() => createMesh({ state, card: cardOf('x'), settings: { heartbeatMs: -1 } })).toThrow();
    expect(() => createMesh({ state, card: cardOf('') })).toThrow();
  });
});
