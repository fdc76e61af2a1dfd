import { encodeFrame, type StreamMessage } from '@pippa/protocol';
import { liveHeapBytes } from '@pippa/testing/collect-garbage';
import { mutateBytes, mutateValue, seededRandom } from '@pippa/testing/hostile-frames';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HostileHouse } from './support/hostile-house.ts';
import { GOOD_MESSAGES, NAMED_CODES } from './support/hostile-messages.ts';

/** Of each protocol, over a real connection; `hostile-frames` sends more of them without one. */
const FRAMES = 120;
/** Streams at a time. */
const LANES = 8;
const MAX_GROWTH_BYTES = 24 * 1024 * 1024;

function frame(header: unknown, payload?: Uint8Array): Uint8Array {
  return Buffer.concat(encodeFrame(header, payload));
}

function control(message: StreamMessage): Uint8Array {
  return Buffer.concat(encodeFrame(message, undefined, { control: true }));
}

const GOODBYE = control({ kind: 'goodbye' });

let house: HostileHouse;
let heapBytes = 0;
let openStreams = 0;
beforeAll(async () => {
  house = await HostileHouse.open();
  // What is made once for each is no growth.
  for (const protocol of Object.keys(GOOD_MESSAGES)) await attack(protocol, 16, 3);
  await house.bystander.request(house.victim.self, 'test/echo', 0);
  await settled(() => false, 20);
  openStreams = house.openStreams;
  heapBytes = liveHeapBytes();
}, 60_000);
afterAll(async () => house.close());

/** Until it holds, looked at with every turn of a small clock; false when it does not within `looks`. */
async function settled(holds: () => boolean, looks = 200): Promise<boolean> {
  for (let look = 0; look < looks; look++) {
    if (holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

/** Sends hostile frames, one a stream, and counts how the streams ended. */
async function attack(protocol: string, frames: number, seed: number): Promise<Map<string, number>> {
  const random = seededRandom(seed);
  const { headers = [], answers = false } = GOOD_MESSAGES[protocol] ?? {};
  const ends = new Map<string, number>();
  let sent = 0;
  const lane = async (): Promise<void> => {
    while (sent < frames) {
      const number = sent++;
      const good = headers[number % headers.length];
      const payload = number % 3 === 0 ? Uint8Array.from({ length: Math.floor(random() * 64) }, () => random() * 256) : undefined;
      const isWhole = number % 2 === 0;
      const hostile = isWhole ? frame(mutateValue(good, random), payload) : mutateBytes(frame(good, payload), random);
      const end = await strike(protocol, hostile, answers && isWhole);
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return ends;
}

async function strike(protocol: string, hostile: Uint8Array, waitsForAnswer: boolean): Promise<string> {
  const raw = await house.rawStream();
  const stream = house.read(raw);
  const answered = new Promise<string>((resolve) => {
    stream.onFrame(({ header }) => {
      const { code = 'answered' } = (header ?? {}) as { readonly code?: string };
      resolve(code);
    });
  });
  raw.send(Buffer.concat([control({ kind: 'open', protocol }), hostile, ...(waitsForAnswer ? [] : [GOODBYE])]));
  if (!waitsForAnswer) raw.close().catch(() => {});
  const end = await Promise.race([answered, stream.closed.then((error) => error?.code ?? 'goodbye')]);
  if (waitsForAnswer) await stream.close();
  return end;
}

describe('a member that sends what it likes', () => {
  for (const [index, protocol] of Object.keys(GOOD_MESSAGES).entries())
    it(`over ${protocol} is told what is wrong, and nothing else happens`, async () => {
      const ends = await attack(protocol, FRAMES, 100 + index);
      console.log(`${protocol}, ${FRAMES} frames: ${JSON.stringify(Object.fromEntries(ends))}`);
      const quiet = new Set(['goodbye', 'answered', 'stream_lost', 'frame']);
      expect([...ends.keys()].filter((code) => !NAMED_CODES.has(code) && !quiet.has(code))).toEqual([]);
      expect([...ends.keys()].some((code) => NAMED_CODES.has(code))).toBe(true);
      expect(await house.bystander.request(house.victim.self, 'test/echo', index)).toBe(index);
    }, 20_000);

  it('leaves nothing behind', async () => {
    expect(await settled(() => house.openStreams <= openStreams)).toBe(true);
    expect(liveHeapBytes() - heapBytes).toBeLessThan(MAX_GROWTH_BYTES);
    expect(house.victim.card.stages).toEqual([]);
    expect(house.victim.peers().map(({ state }) => state)).toEqual(['alive', 'alive']);
    expect(house.bystander.peer(house.victim.self)?.state).toBe('alive');
  });
});
