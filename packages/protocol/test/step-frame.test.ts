import { DEFAULT_SAMPLER_SETTINGS, slot, type Step, type StepResult } from '@pippa/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeResult, decodeStep, encodeResult, encodeStep, ProtocolError, RING_LIMITS } from '../src/index.ts';

const slots = fc.integer({ min: 0, max: RING_LIMITS.slots - 1 }).map(slot);
const position = fc.integer({ min: 0, max: RING_LIMITS.contextTokens - 1 });
const token = fc.integer({ min: 0, max: RING_LIMITS.vocabulary - 1 });
const tokens = (bounds: fc.ArrayConstraints) => fc.array(token, bounds).map((list) => Int32Array.from(list));

const memory = fc.oneof(
  fc.record({ kind: fc.constant('remove' as const), slot: slots, from: position, to: fc.oneof(fc.constant(-1), position) }),
  fc.record({ kind: fc.constant('copy' as const), source: slots, target: slots, from: position, to: position }),
);
const sampler = fc.oneof(
  fc.record({ kind: fc.constant('close' as const), slot: slots }),
  fc
    .record({ slot: slots, seed: fc.nat(), grammar: fc.option(fc.string(), { nil: undefined }), history: tokens({ maxLength: 9 }) })
    .map(({ slot: index, seed, grammar, history }) => ({
      kind: 'open' as const,
      slot: index,
      settings: { ...DEFAULT_SAMPLER_SETTINGS, seed, ...(grammar === undefined ? {} : { grammar }) },
      history,
      generatedTokens: history.length >> 1,
    })),
);

const step: fc.Arbitrary<Step> = fc.integer({ min: 1, max: 20 }).chain((rows) =>
  fc.record({
    id: fc.maxSafeNat(),
    epoch: fc.nat(),
    memory: fc.array(memory, { maxLength: 4 }),
    samplers: fc.array(sampler, { maxLength: 3 }),
    slots: fc.array(slots, { minLength: rows, maxLength: rows }).map((list) => Int32Array.from(list)),
    positions: fc.array(position, { minLength: rows, maxLength: rows }).map((list) => Int32Array.from(list)),
    tokens: tokens({ minLength: rows, maxLength: rows }),
    outputs: fc.array(
      fc.record({ row: fc.nat(rows - 1), slot: slots, logprobs: fc.integer({ min: -1, max: RING_LIMITS.logprobs }) }),
      { maxLength: 4 },
    ),
  }),
);
const timings = fc.array(fc.record({ computeMs: fc.double({ min: 0, max: 1e9, noNaN: true }) }), { maxLength: 5 });

/** -0 comes out as 0. */
const logprobs = fc.double({ min: -100, max: 0, noNaN: true }).map((value) => value + 0);
const logprob = fc.record({
  token,
  logprob: logprobs,
  top: fc.array(fc.record({ token, logprob: logprobs }), { maxLength: 3 }),
});
const result: fc.Arbitrary<StepResult> = fc.record({
  id: fc.maxSafeNat(),
  epoch: fc.nat(),
  samples: fc.array(
    fc.oneof(
      fc.record({ slot: slots, token, endOfGeneration: fc.boolean() }),
      fc.record({ slot: slots, token, endOfGeneration: fc.boolean(), logprob }),
    ),
    { maxLength: 5 },
  ),
  samplerFailures: fc.array(fc.record({ slot: slots, message: fc.string() }), { maxLength: 2 }),
  timings,
});

/** A frame with one byte changed and cut somewhere, at any alignment. */
const damaged = (frame: fc.Arbitrary<Uint8Array>) =>
  fc.tuple(frame, fc.nat(), fc.nat(255), fc.nat(), fc.nat(7)).map(([bytes, at, value, cut, shift]) => {
    const moved = new Uint8Array(bytes.length + shift);
    moved.set(bytes, shift);
    moved[shift + (at % bytes.length)] = value;
    return moved.subarray(shift, shift + Math.max(1, bytes.length - (cut % 3 === 0 ? cut % bytes.length : 0)));
  });

describe('a step on the wire', () => {
  it('comes out of its frame as it went in, to the first stage with its tokens', () => {
    fc.assert(
      fc.property(step, timings, (sent, spent) => {
        const { step: taken, timings: told, activations } = decodeStep(encodeStep(sent, { timings: spent }));
        expect(taken).toEqual(sent);
        expect(told).toEqual(spent);
        expect(activations).toHaveLength(0);
      }),
    );
  });

  it('brings the hidden states along to later stages, where floats can be laid over them', () => {
    fc.assert(
      fc.property(step, fc.uint8Array({ minLength: 8, maxLength: 64 }), (sent, hidden) => {
        const { step: taken, activations } = decodeStep(encodeStep(sent, { activations: hidden }));
        expect(taken).toEqual({ ...sent, tokens: new Int32Array(0) });
        expect(activations).toEqual(hidden);
        expect(activations.byteOffset % 8).toBe(0);
      }),
    );
  });

  it('is refused with a reason when it was changed into something that is none, and never harms', () => {
    fc.assert(
      fc.property(damaged(step.map((sent) => encodeStep(sent))), (frame) => {
        try {
          const { step: taken } = decodeStep(frame);
          expect(taken.slots.length).toBeLessThanOrEqual(RING_LIMITS.rows);
          for (const index of taken.slots) expect(index).toBeLessThan(RING_LIMITS.slots);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a result on the wire', () => {
  it('comes out of its frame as it went in', () => {
    fc.assert(
      fc.property(result, (sent) => {
        expect(decodeResult(encodeResult(sent))).toEqual(sent);
      }),
    );
  });

  it('is refused with a reason when it was changed into something that is none', () => {
    fc.assert(
      fc.property(damaged(result.map(encodeResult)), (frame) => {
        try {
          decodeResult(frame);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
