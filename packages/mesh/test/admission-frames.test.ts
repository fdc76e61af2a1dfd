import { silentLogger, systemClock } from '@pippa/core';
import { ADMISSION_FRAME_LIMITS, encodeFrame, PROTOCOL_VERSION } from '@pippa/protocol';
import { liveHeapBytes } from '@pippa/testing/collect-garbage';
import { mutateBytes, mutateValue, seededRandom } from '@pippa/testing/hostile-frames';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Gate } from '../src/admission/gate.ts';
import { JoinDesk } from '../src/admission/join-desk.ts';
import { keyTag } from '../src/admission/key-material.ts';
import { commitTo } from '../src/admission/words.ts';
import { createIdentity, foundMesh, meshSettings } from '../src/index.ts';
import { fedConnection } from './support/memory-libp2p.ts';

/** `PIPPA_FUZZ_FRAMES=100000`: the long form. */
const FRAMES = Number(process.env['PIPPA_FUZZ_FRAMES'] ?? 4_000);
const NAMED = new Set([
  'bad_frame',
  'frame_too_large',
  'bad_message',
  'version_mismatch',
  'wrong_key',
  'not_approved',
  'stream_lost',
  'busy',
]);
/** Deadlines of the last ten seconds are still about. */
const MAX_GROWTH_BYTES = 16 * 1024 * 1024;

function frame(header: unknown): Uint8Array {
  return Buffer.concat(encodeFrame(header, undefined, { limits: ADMISSION_FRAME_LIMITS }));
}

describe('before admission', () => {
  it(`${FRAMES} random and mutated frames, at every step, admit nobody, leave nothing behind and are refused by name`, async () => {
    const random = seededRandom(11);
    const membership = foundMesh();
    const [self, stranger] = await Promise.all([createIdentity(), createIdentity()]);
    const settings = meshSettings.parse({});
    const desk = new JoinDesk({ self: self.peer, clock: systemClock, settings, membership: () => membership, onChanged: () => {} });
    const reasons = new Map<string, number>();
    let admitted = 0;
    const gate = new Gate({
      self: self.peer,
      clock: systemClock,
      logger: silentLogger,
      settings,
      membership: () => membership,
      onAdmitted: () => admitted++,
      onRefused: (_peer, { code }) => reasons.set(code, (reasons.get(code) ?? 0) + 1),
      onJoin: async (dialogue, peer, opening) => desk.serve(dialogue, peer, opening),
    });
    const nonce = new Uint8Array(randomBytes(32));
    const prove = { kind: 'prove', version: PROTOCOL_VERSION, nonce, keyTag: keyTag(membership.key, nonce) };
    const join = { kind: 'join', version: PROTOCOL_VERSION, commitment: commitTo(nonce), name: 'new' };
    /** What is said before, and what is then mutated. */
    const steps: readonly (readonly [before: readonly unknown[], good: unknown])[] = [
      [[], prove],
      [[prove], { kind: 'proof', mac: new Uint8Array(32) }],
      [[], join],
      [[join], { kind: 'join-reveal', nonce }],
    ];
    const heapBytes = liveHeapBytes();
    for (let i = 0; i < FRAMES; i++) {
      const [before, good] = steps[i % steps.length] ?? [[], prove];
      const hostile = i % 8 < 4 ? mutateBytes(frame(good), random) : frame(mutateValue(good, random));
      const { stream, connection, feed, finish } = fedConnection(stranger.peer);
      gate.opened(connection);
      const answered = gate.answer(stream, connection);
      for (const header of before) feed(frame(header));
      feed(hostile);
      // Its answer first: whoever cuts off what waits for more is refused for that alone.
      await new Promise((resolve) => setImmediate(resolve));
      finish();
      await answered;
      // One whose join was in order all the same waits for a person, until it goes.
      if (connection.status === 'open') connection.abort(new Error('The test goes.'));
    }
    expect(admitted).toBe(0);
    expect(gate.unadmitted).toBe(0);
    expect(desk.pending).toEqual([]);
    expect([...reasons.keys()].filter((code) => !NAMED.has(code))).toEqual([]);
    expect(liveHeapBytes() - heapBytes).toBeLessThan(MAX_GROWTH_BYTES);
    console.log(`${FRAMES} frames before admission: ${JSON.stringify(Object.fromEntries(reasons))}`);
  }, 600_000);
});
