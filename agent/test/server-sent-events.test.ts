import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { serverSentData } from '../src/conversation/server-sent-events.ts';

async function* pieces(bytes: Uint8Array, cuts: readonly number[]): AsyncIterable<Uint8Array> {
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    const to = Math.min(bytes.length, cut);
    if (to > from) yield bytes.slice(from, to);
    from = Math.max(from, to);
  }
  yield bytes.slice(from);
}

describe('reading server-sent events', () => {
  it('gives the same events however the bytes are cut', async () => {
    const data = fc.array(
      fc.string({ unit: 'grapheme', minLength: 1 }).map((text) => JSON.stringify(text)),
      { maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(data, fc.array(fc.nat(200)), fc.constantFrom('\n', '\r\n'), async (events, cuts, end) => {
        const body = events.map((event) => `: note${end}event: x${end}data: ${event}${end}${end}`).join('');
        expect(await Array.fromAsync(serverSentData(pieces(new TextEncoder().encode(body), cuts)))).toEqual(events);
      }),
    );
  });

  it('refuses a line without end', async () => {
    const endless = (async function* () {
      for (;;) yield new Uint8Array(65_536).fill(97);
    })();
    await expect(Array.fromAsync(serverSentData(endless))).rejects.toThrow(RangeError);
  });
});
