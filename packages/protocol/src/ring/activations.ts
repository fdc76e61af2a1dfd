import { InvalidInputError, type ActivationFormat } from '@pippa/core';

/**
 * How hidden states travel between stages. `f32` is exact. `f16` keeps 11 bits of each value and reaches 65,504; `bf16` keeps 8 bits
 * and reaches as far as f32.
 */
export const ACTIVATION_FORMATS = ['f32', 'f16', 'bf16'] as const satisfies readonly ActivationFormat[];

export interface PackedActivations {
  /** Little-endian, value by value in the order of the hidden states. For `f32` a view of them, not a copy. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /**
   * Finite values beyond the format's reach, packed as its largest. Any means that the model does not fit the format: an answer made
   * of clipped values is a wrong answer, so the ring had better go on in f32 or bf16.
   */
  readonly overflows: number;
}

export function bytesPerActivation(format: ActivationFormat): number {
  return format === 'f32' ? 4 : 2;
}

/** Rounds to nearest, ties to even; NaN and the infinities stay what they are. */
export function packActivations(hidden: Float32Array<ArrayBuffer>, format: ActivationFormat): PackedActivations {
  if (format === 'f32') return { bytes: new Uint8Array(hidden.buffer, hidden.byteOffset, hidden.byteLength), overflows: 0 };
  const words = new Uint32Array(hidden.buffer, hidden.byteOffset, hidden.length);
  const packed = new Uint16Array(hidden.length);
  const overflows = format === 'f16' ? packHalves(words, packed) : packBrains(words, packed);
  return { bytes: new Uint8Array(packed.buffer), overflows };
}

/** Exact: every 16-bit value is a 32-bit one. Throws `InvalidInputError` for bytes that are no whole number of values. */
export function unpackActivations(bytes: Uint8Array, format: ActivationFormat): Float32Array<ArrayBuffer> {
  const size = bytesPerActivation(format);
  if (bytes.byteLength % size !== 0) {
    throw new InvalidInputError(`${bytes.byteLength} bytes are no whole number of ${format} values.`, { path: 'hidden' });
  }
  // Typed arrays start at whole values, slices of frames anywhere; and what is returned must not change with the frame's buffer.
  const own = bytes.slice().buffer;
  if (format === 'f32') return new Float32Array(own);
  const packed = new Uint16Array(own);
  const hidden = new Float32Array(packed.length);
  if (format === 'f16') {
    const values = halfValues();
    for (let index = 0; index < packed.length; index += 1) hidden[index] = values[packed[index] as number] as number;
  } else {
    const words = new Uint32Array(hidden.buffer);
    for (let index = 0; index < packed.length; index += 1) words[index] = (packed[index] as number) << 16;
  }
  return hidden;
}

const INFINITY = 0x7f800000;
const HALF_INFINITY = 0x7c00;
const LARGEST_HALF = 0x7bff;
const QUIET_HALF_NAN = 0x7e00;
/** 65,520: from here on rounding gives infinity. */
const HALF_OVERFLOW = 0x477ff000;
/** 2^-14: below are the subnormal halves, multiples of 2^-24. */
const SMALLEST_NORMAL_HALF = 0x38800000;
/** 2^-25: half of the smallest subnormal, which rounds to 0; so does everything below. */
const HALF_UNDERFLOW = 0x33000000;

function packHalves(words: Uint32Array, packed: Uint16Array): number {
  let overflows = 0;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] as number;
    const magnitude = word & 0x7fffffff;
    let half: number;
    if (magnitude >= HALF_OVERFLOW) {
      half = magnitude > INFINITY ? QUIET_HALF_NAN : magnitude === INFINITY ? HALF_INFINITY : LARGEST_HALF;
      if (magnitude < INFINITY) overflows += 1;
    } else if (magnitude >= SMALLEST_NORMAL_HALF) {
      // Exponent from bias 127 to 15; a carry out of the 10 bits that stay goes into the exponent, as it should.
      half = (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    } else if (magnitude > HALF_UNDERFLOW) {
      const significand = (magnitude & 0x7fffff) | 0x800000;
      const shift = 126 - (magnitude >>> 23);
      const kept = significand >>> shift;
      half = (significand + (1 << (shift - 1)) - 1 + (kept & 1)) >>> shift;
    } else {
      half = 0;
    }
    packed[index] = ((word >>> 16) & 0x8000) | half;
  }
  return overflows;
}

const LARGEST_BRAIN = 0x7f7f;
/** From here on rounding gives infinity. */
const BRAIN_OVERFLOW = 0x7f7f8000;

function packBrains(words: Uint32Array, packed: Uint16Array): number {
  let overflows = 0;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] as number;
    const magnitude = word & 0x7fffffff;
    let brain: number;
    if (magnitude < BRAIN_OVERFLOW) {
      brain = (magnitude + 0x7fff + ((magnitude >>> 16) & 1)) >>> 16;
    } else if (magnitude < INFINITY) {
      brain = LARGEST_BRAIN;
      overflows += 1;
    } else {
      // A NaN whose payload lies in the lower half alone must not become infinity.
      brain = (magnitude >>> 16) | (magnitude > INFINITY ? 0x40 : 0);
    }
    packed[index] = ((word >>> 16) & 0x8000) | brain;
  }
  return overflows;
}

let halves: Float32Array | undefined;

/** The value of each of the 65,536 halves: a look-up is four times as fast as putting the bits together. */
function halfValues(): Float32Array {
  if (halves !== undefined) return halves;
  halves = new Float32Array(0x10000);
  for (let half = 0; half < halves.length; half += 1) {
    const exponent = (half >>> 10) & 31;
    const fraction = half & 0x3ff;
    const magnitude =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 31
          ? fraction === 0
            ? Infinity
            : NaN
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    halves[half] = half & 0x8000 ? -magnitude : magnitude;
  }
  return halves;
}
