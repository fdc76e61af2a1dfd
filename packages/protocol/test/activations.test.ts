import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActivationFormat } from '@pippa/core';
import { packActivations, unpackActivations } from '../src/index.ts';

const roundTrip = (format: ActivationFormat, ...values: number[]): number[] => [
  ...unpackActivations(packActivations(Float32Array.from(values), format).bytes, format),
];

/** Every value of a format that is a number, by its bits. */
function everyValue(format: 'f16' | 'bf16'): Float32Array<ArrayBuffer> {
  const bits = Uint16Array.from({ length: 0x10000 }, (_, index) => index);
  return unpackActivations(new Uint8Array(bits.buffer), format).filter((value) => !Number.isNaN(value));
}

describe('activations on the wire', () => {
  it('are bit for bit the hidden states as f32', () => {
    fc.assert(
      fc.property(fc.float32Array({ maxLength: 50 }), (values) => {
        const hidden = Float32Array.from(values);
        const { bytes, overflows } = packActivations(hidden, 'f32');
        expect(unpackActivations(bytes, 'f32')).toEqual(hidden);
        expect(overflows).toBe(0);
      }),
    );
  });

  it.each(['f16', 'bf16'] as const)('hold every %s value exactly, the sign of zero included', (format) => {
    const values = everyValue(format);
    expect(values.length).toBeGreaterThan(0x10000 - 2048 - 1);
    const again = unpackActivations(packActivations(values, format).bytes, format);
    expect(new Uint32Array(again.buffer)).toEqual(new Uint32Array(values.buffer, values.byteOffset, values.length));
  });

  it.each(['f16', 'bf16'] as const)('round to the nearest %s value, the even one of two', (format) => {
    const sorted = [...new Set(everyValue(format))].filter(Number.isFinite).sort((a, b) => a - b);
    const between = fc.tuple(fc.integer({ min: 0, max: sorted.length - 2 }), fc.constantFrom(0.25, 0.5, 0.75));
    fc.assert(
      fc.property(between, ([index, share]) => {
        const [low, high] = [sorted[index] as number, sorted[index + 1] as number];
        const value = Math.fround(low + (high - low) * share);
        const [packed] = roundTrip(format, value);
        const errors = [Math.abs(value - low), Math.abs(high - value)] as const;
        if (errors[0] < errors[1]) expect(packed === low).toBe(true);
        else if (errors[0] > errors[1]) expect(packed === high).toBe(true);
        else {
          const bits = new DataView(packActivations(Float32Array.of(value), format).bytes.buffer).getUint16(0, true);
          expect(bits % 2).toBe(0);
          expect(packed === low || packed === high).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('report what does not fit and clip it', () => {
    const hidden = Float32Array.of(65_504, 65_519, 65_520, -1e9, 1, Infinity, NaN);
    const packed = packActivations(hidden, 'f16');
    expect(packed.overflows).toBe(2);
    expect([...unpackActivations(packed.bytes, 'f16')]).toEqual([65_504, 65_504, 65_504, -65_504, 1, Infinity, NaN]);
    expect(packActivations(hidden, 'bf16').overflows).toBe(0);
    expect(packActivations(Float32Array.of(-3.4e38, -Infinity), 'bf16').overflows).toBe(1);
    expect(roundTrip('bf16', NaN, -3.4e38, -Infinity)).toEqual([NaN, -3.3895313892515355e38, -Infinity]);
    // A NaN that only the dropped bits tell from infinity.
    const quiet = new Float32Array(Uint32Array.of(0x7f800001).buffer);
    expect(unpackActivations(packActivations(quiet, 'bf16').bytes, 'bf16')).toEqual(Float32Array.of(NaN));
  });

  it('are read from any place in a frame, and refused when cut', () => {
    const { bytes } = packActivations(Float32Array.of(1.5, -2), 'f16');
    const frame = new Uint8Array(7);
    frame.set(bytes, 3);
    expect([...unpackActivations(frame.subarray(3), 'f16')]).toEqual([1.5, -2]);
    expect(() => unpackActivations(frame.subarray(4), 'f16')).toThrow(expect.objectContaining({ name: 'InvalidInputError' }));
    expect(() => unpackActivations(frame.subarray(1), 'f32')).toThrow(expect.objectContaining({ name: 'InvalidInputError' }));
  });
});
