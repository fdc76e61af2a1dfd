import { PippaError } from '@pippa/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ADMISSION_FRAME_LIMITS,
  CONTROL_FRAME_LIMITS,
  decodeMessage,
  encodeFrame,
  encodeMessage,
  FrameDecoder,
  FrameError,
  FrameTooLargeError,
  STREAM_FRAME_LIMITS,
  type DecodedFrame,
} from '../src/index.ts';

const header = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.integer(),
    fc.double({ noNaN: true }).map((number) => (number === 0 ? 0 : number)),
    fc.boolean(),
    fc.constant(null),
    fc.string(),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(
      fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 5 },
    ),
  ),
})).value;

function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function decodeAll(decoder: FrameDecoder, chunk: Uint8Array): DecodedFrame[] {
  decoder.push(chunk);
  const frames: DecodedFrame[] = [];
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame);
  return frames;
}

/** A prefix alone: what a peer sends that wants memory for nothing. */
function prefix(bodyLength: number, headerLength: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, bodyLength, true);
  new DataView(bytes.buffer).setUint32(4, headerLength, true);
  return bytes;
}

function withHeader(encoded: readonly number[]): Uint8Array {
  const body = Math.ceil(encoded.length / 8) * 8;
  return join([prefix(body, encoded.length), Uint8Array.from(encoded), new Uint8Array(body - encoded.length)]);
}

describe('frames', () => {
  it('come out as they went in, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(header, fc.uint8Array({ maxLength: 300 }), fc.boolean()), { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
        (messages, cuts) => {
          const wire = join(messages.flatMap(([value, payload, control]) => encodeFrame(value, payload, { control })));
          const decoder = new FrameDecoder();
          const frames: DecodedFrame[] = [];
          for (let at = 0, i = 0; at < wire.length; i++) {
            const size = cuts[i % cuts.length] ?? 1;
            frames.push(...decodeAll(decoder, wire.subarray(at, at + size)));
            at += size;
          }
          expect(frames.map(({ header: value, control }) => [value, control])).toEqual(
            messages.map(([value, , control]) => [value, control]),
          );
          expect(frames.map(({ payload }) => [...payload])).toEqual(messages.map(([, payload]) => [...payload]));
          expect(frames.every(({ payload }) => payload.byteOffset % 8 === 0)).toBe(true);
          expect(decoder.pendingBytes).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('may be much larger than what is allocated at once', () => {
    const payload = new Uint8Array(9 * 1024 * 1024).map((_, index) => index);
    const decoder = new FrameDecoder();
    const wire = join(encodeFrame({ large: true }, payload));
    const frames: DecodedFrame[] = [];
    for (let at = 0; at < wire.length; at += 65_536) frames.push(...decodeAll(decoder, wire.subarray(at, at + 65_536)));
    expect(Buffer.compare(frames[0]?.payload ?? new Uint8Array(), payload)).toBe(0);
  });

  it('are not made when the other side would refuse them', () => {
    expect(() => encodeFrame({}, new Uint8Array(3_000), { limits: ADMISSION_FRAME_LIMITS })).toThrow(FrameTooLargeError);
    expect(() => encodeFrame('x'.repeat(3_000), undefined, { limits: ADMISSION_FRAME_LIMITS })).toThrow(FrameTooLargeError);
  });
});

describe('hostile bytes', () => {
  it.each([
    ['a frame over the limit', prefix(STREAM_FRAME_LIMITS.bodyBytes + 1, 8), FrameTooLargeError],
    ['the largest length there is', prefix(0xffff_ffff, 8), FrameTooLargeError],
    ['a header over the limit', prefix(STREAM_FRAME_LIMITS.bodyBytes, STREAM_FRAME_LIMITS.headerBytes + 1), FrameTooLargeError],
    ['a header longer than its frame', prefix(8, 16), FrameError],
    ['no header', prefix(8, 0), FrameError],
    ['an empty frame', prefix(0, 0), FrameError],
    ['an array of four billion', withHeader([0xdd, 0xff, 0xff, 0xff, 0xff]), FrameError],
    ['a map of four billion', withHeader([0xdf, 0xff, 0xff, 0xff, 0xff]), FrameError],
    ['a string of four billion', withHeader([0xdb, 0xff, 0xff, 0xff, 0xff]), FrameError],
    ['bytes of four billion', withHeader([0xc6, 0xff, 0xff, 0xff, 0xff]), FrameError],
    ['deep nesting', withHeader([...Array.from({ length: 40 }, () => 0x91), 0xc0]), FrameTooLargeError],
    ['an extension', withHeader([0xc7, 0x04, 0x72, 1, 2, 3, 4]), FrameError],
    ['a record', withHeader([0xd4, 0x72, 0x40]), FrameError],
    ['the byte that msgpack never uses', withHeader([0xc1]), FrameError],
    ['two values', withHeader([0x01, 0x02]), FrameError],
  ])('%s is refused', (_what, bytes, error) => {
    expect(() => decodeAll(new FrameDecoder(), bytes)).toThrow(error);
  });

  it('cost no memory that was not sent for', () => {
    const decoders = Array.from({ length: 64 }, () => new FrameDecoder());
    const before = process.memoryUsage().arrayBuffers;
    for (const decoder of decoders) decodeAll(decoder, prefix(STREAM_FRAME_LIMITS.bodyBytes, 8));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 2 * 1024 * 1024);
    expect(decoders.every(({ pendingBytes }) => pendingBytes === 8)).toBe(true);
  });

  it('counts the values of a header', () => {
    const many = Array.from({ length: CONTROL_FRAME_LIMITS.headerValues + 1 }, () => 0);
    expect(() => decodeMessage(encodeMessage(many), CONTROL_FRAME_LIMITS)).toThrow(FrameTooLargeError);
    expect(() => decodeMessage(encodeMessage(many.slice(2)), CONTROL_FRAME_LIMITS)).not.toThrow();
  });

  it('does not let a key reach the prototype', () => {
    const decoded = decodeMessage(
      Uint8Array.from([0x81, 0xa9, ...Buffer.from('__proto__'), 0x81, 0xa1, 0x78, 0x01]),
      STREAM_FRAME_LIMITS,
    );
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
    expect((decoded as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('100,000 random and mutated frames give frames or a named error, nothing else', () => {
    const random = mulberry32(7);
    const good = [
      {
        kind: 'hello',
        instance: new Uint8Array(16),
        card: { card: { a: [1, 2, { b: 'c' }] }, addresses: ['/ip4/1.2.3.4/tcp/5'], signature: new Uint8Array(64) },
      },
      [12, 11, 250_000],
      { kind: 'open', protocol: 'ring/steps/1' },
      'text',
    ].map((value) =>
      join(
        encodeFrame(
          value,
          Uint8Array.from({ length: 24 }, (_, index) => index),
          { control: random() < 0.5 },
        ),
      ),
    );
    let whole = 0;
    let refused = 0;
    for (let i = 0; i < 100_000; i++) {
      const bytes = mutate(good[i % good.length] ?? new Uint8Array(), random);
      try {
        whole += decodeAll(new FrameDecoder(i % 2 === 0 ? STREAM_FRAME_LIMITS : ADMISSION_FRAME_LIMITS), bytes).length;
      } catch (error) {
        if (!(error instanceof PippaError)) throw error;
        expect(error).toBeInstanceOf(FrameError);
        refused++;
      }
    }
    expect(whole).toBeGreaterThan(1_000);
    expect(refused).toBeGreaterThan(1_000);
  });
});

/** A small generator of random numbers, the same ones every time. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Random bytes, or a good frame with bytes changed, cut off, doubled or put in. */
function mutate(frame: Uint8Array, random: () => number): Uint8Array {
  const below = (bound: number): number => Math.floor(random() * bound);
  if (random() < 0.1) return Uint8Array.from({ length: below(64) }, () => below(256));
  let bytes = [...frame];
  for (let i = 0; i <= below(4); i++) {
    const at = below(bytes.length);
    const kind = below(4);
    if (kind === 0) bytes[at] = below(256);
    else if (kind === 1) bytes = bytes.slice(0, at);
    else if (kind === 2) bytes.splice(at, 0, below(256));
    else bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
  }
  return Uint8Array.from(bytes);
}
