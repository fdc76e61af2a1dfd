import { silentLogger, systemClock } from '@pippa/core';
import {
  CONTROL_FRAME_LIMITS,
  CONTROL_PROTOCOL,
  encodeFrame,
  FrameDecoder,
  type ControlMessage,
  type StreamMessage,
} from '@pippa/protocol';
import { liveHeapBytes } from '@pippa/testing/collect-garbage';
import { mutateBytes, mutateValue, seededRandom } from '@pippa/testing/hostile-frames';
import { describe, expect, it } from 'vitest';
import { OwnCard } from '../src/cards/own-card.ts';
import { signCard } from '../src/cards/sign-card.ts';
import { createIdentity, meshSettings } from '../src/index.ts';
import type { Dialer } from '../src/peers/dialer.ts';
import { PeerManager } from '../src/peers/peer-manager.ts';
import { PeerTable } from '../src/peers/peer-table.ts';
import { StreamService } from '../src/streams/stream-service.ts';
import { fedConnection } from './support/memory-libp2p.ts';
import { cardOf } from './support/nodes.ts';

/** `PIPPA_FUZZ_FRAMES=100000`: the long form. */
const FRAMES = Number(process.env['PIPPA_FUZZ_FRAMES'] ?? 2_000);
const NAMED = ['bad_frame', 'bad_message', 'frame_too_large'];
const MAX_GROWTH_BYTES = 24 * 1024 * 1024;

function frame(header: unknown): Uint8Array {
  return Buffer.concat(encodeFrame(header, undefined, { limits: CONTROL_FRAME_LIMITS }));
}

/** A node whose peers are dialled by nobody. */
async function victim() {
  const identity = await createIdentity();
  const table = new PeerTable(silentLogger);
  const settings = meshSettings.parse({});
  const rekeys: unknown[] = [];
  const dialer = { size: 0, active: 0, know() {}, lost: () => false, forget() {}, dialNow() {} } as unknown as Dialer;
  const ownCard = new OwnCard(cardOf('victim'), {
    identity,
    clock: systemClock,
    protocolVersion: 1,
    delayMs: settings.cardMs,
    addresses: () => [],
    publish: () => {},
  });
  await ownCard.signed();
  const streams = new StreamService({
    self: identity.peer,
    logger: silentLogger,
    clock: systemClock,
    linksOf: () => [],
    connect: async () => [],
    isAdmitted: async () => true,
  });
  const manager = new PeerManager({
    self: identity.peer,
    instance: new Uint8Array(16),
    clock: systemClock,
    logger: silentLogger,
    settings,
    table,
    ownCard,
    streams,
    classify: () => 'unknown',
    dialer: () => dialer,
    locals: () => [],
    random: Math.random,
    isRemoved: () => false,
    hasAddress: () => true,
    onRekey: (message) => rekeys.push(message),
    onLink: () => {},
    onCard: () => {},
    onDuplicate: () => {},
  });
  return { table, streams, manager };
}

/** What the victim said of the end of a stream. */
function abortCode(sent: readonly Uint8Array[]): string | undefined {
  const decoder = new FrameDecoder(CONTROL_FRAME_LIMITS);
  for (const bytes of sent) decoder.push(bytes);
  for (let next = decoder.next(); next !== undefined; next = decoder.next()) {
    const message = next.header as StreamMessage;
    if (next.control && message.kind === 'abort') return message.code;
  }
  return undefined;
}

describe('the control stream of a member', () => {
  it(`with ${FRAMES} random and mutated frames ends its link with a reason, and leaves nothing behind`, async () => {
    const random = seededRandom(23);
    const { table, streams, manager } = await victim();
    const [member, other] = await Promise.all([createIdentity(), createIdentity()]);
    const cardBy = async (identity: typeof member, name: string) =>
      signCard(identity, { ...cardOf(name), peer: identity.peer, version: 1, protocolVersion: 1 }, []);
    const card = await cardBy(member, 'member');
    const othersCard = await cardBy(other, 'other');
    const goodbye: ControlMessage = { kind: 'leaving', reason: 'stopped' };
    const hello: ControlMessage = { kind: 'hello', instance: new Uint8Array(16), card };
    const good: readonly unknown[] = [
      hello,
      [1, 400, 12],
      [1],
      { kind: 'card', card },
      { kind: 'card-change', change: { base: 1, change: { version: 2, load: 0.5 }, addresses: [], signature: new Uint8Array(64) } },
      { kind: 'card-request' },
      { kind: 'cards-request', have: [[other.peer, 1]] },
      { kind: 'cards', cards: [othersCard] },
      { kind: 'silent', peer: other.peer },
      { kind: 'gone', peer: other.peer, version: 1 },
      goodbye,
      { kind: 'rekey', key: new Uint8Array(16), epoch: 1, removed: [other.peer] },
      { kind: 'address-gone', address: '10.0.0.1' },
      { kind: 'retire' },
    ];
    const open = Buffer.concat(encodeFrame({ kind: 'open', protocol: CONTROL_PROTOCOL }, undefined, { control: true }));
    const ends = new Map<string, number>();
    const strike = async (hostile: Uint8Array): Promise<void> => {
      const fed = fedConnection(member.peer);
      await streams.accept(fed.stream, fed.connection);
      fed.feed(open);
      fed.feed(frame(hello));
      fed.feed(hostile);
      // Cards are checked after a turn or two.
      await new Promise((resolve) => setImmediate(resolve));
      const isRefused = fed.reason !== undefined;
      fed.finish();
      await new Promise((resolve) => setImmediate(resolve));
      expect(fed.reason).toBeDefined();
      // A goodbye that the mutation left as it was ends the link, too, and needs no reason.
      const isGoodbye = Buffer.compare(hostile, frame(goodbye)) === 0;
      const end = isRefused ? (abortCode(fed.sent) ?? (isGoodbye ? 'harmless' : 'no reason')) : 'harmless';
      ends.set(end, (ends.get(end) ?? 0) + 1);
    };
    const bytesOf = (index: number): Uint8Array => {
      const header = good[index % good.length];
      return index % 2 === 0 ? frame(mutateValue(header, random)) : mutateBytes(frame(header), random);
    };
    for (let i = 0; i < 200; i++) await strike(bytesOf(i));
    ends.clear();
    const heapBytes = liveHeapBytes();
    for (let i = 0; i < FRAMES; i++) await strike(bytesOf(i));
    console.log(`${FRAMES} frames on control streams: ${JSON.stringify(Object.fromEntries(ends))}`);
    expect([...ends.keys()].filter((end) => ![...NAMED, 'harmless'].includes(end))).toEqual([]);
    for (const code of NAMED) expect(ends.get(code)).toBeGreaterThan(0);
    expect([...table.records].flatMap(({ links }) => [...links])).toEqual([]);
    // The member, the one whose good card it handed on, and nobody made up.
    expect(table.size).toBeLessThanOrEqual(2);
    expect(liveHeapBytes() - heapBytes).toBeLessThan(MAX_GROWTH_BYTES);
    await manager.stop();
  }, 3_600_000);
});
