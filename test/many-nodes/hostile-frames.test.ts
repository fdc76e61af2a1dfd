import { encodeFrame } from '@pippa/protocol';
import { liveHeapBytes } from '@pippa/testing/collect-garbage';
import { mutateBytes, mutateValue, seededRandom } from '@pippa/testing/hostile-frames';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FedHouse } from './support/fed-house.ts';
import { GOOD_MESSAGES, NAMED_CODES } from './support/hostile-messages.ts';

/** Of each protocol; `PIPPA_FUZZ_FRAMES=100000`: the long form. */
const FRAMES = Number(process.env['PIPPA_FUZZ_FRAMES'] ?? 1_000);
const WARM_UP = 200;
const MAX_GROWTH_BYTES = 24 * 1024 * 1024;

let house: FedHouse;
beforeAll(async () => {
  house = await FedHouse.open();
}, 60_000);
afterAll(async () => house.close());

async function attack(protocol: string, frames: number, seed: number): Promise<ReadonlyMap<string, number>> {
  const random = seededRandom(seed);
  const headers = GOOD_MESSAGES[protocol]?.headers ?? [];
  const ends = new Map<string, number>();
  for (let number = 0; number < frames; number++) {
    const good = headers[number % headers.length];
    const payload = number % 3 === 0 ? Uint8Array.from({ length: Math.floor(random() * 64) }, () => random() * 256) : undefined;
    const whole = (header: unknown): Uint8Array => Buffer.concat(encodeFrame(header, payload));
    const hostile = random() < 0.5 ? whole(mutateValue(good, random)) : mutateBytes(whole(good), random);
    const end = await house.strike(protocol, hostile);
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  return ends;
}

describe('the protocols of a node', () => {
  it('are all tried below', () => {
    const tried = [...Object.keys(GOOD_MESSAGES), 'test/echo'];
    expect(house.protocols.filter((protocol) => !tried.includes(protocol))).toEqual([]);
    expect(tried.filter((protocol) => !house.protocols.includes(protocol))).toEqual([]);
  });
});

describe(`${FRAMES} random and mutated frames of a member`, () => {
  for (const [index, protocol] of Object.keys(GOOD_MESSAGES).entries())
    it(`over ${protocol} end streams with a reason, and leave nothing behind`, async () => {
      await attack(protocol, WARM_UP, index);
      const heapBytes = liveHeapBytes();
      const ends = await attack(protocol, FRAMES, 100 + index);
      console.log(`${protocol}: ${JSON.stringify(Object.fromEntries(ends))}`);
      const harmless = ['answered', 'nothing'];
      expect([...ends.keys()].filter((end) => !NAMED_CODES.has(end) && !harmless.includes(end))).toEqual([]);
      expect([...ends.keys()].some((end) => NAMED_CODES.has(end))).toBe(true);
      await expect.poll(() => house.openStreams).toBe(0);
      expect(liveHeapBytes() - heapBytes).toBeLessThan(MAX_GROWTH_BYTES);
    }, 3_600_000);
});
