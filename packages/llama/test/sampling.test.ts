import { DEFAULT_SAMPLER_SETTINGS, type SamplerSettings } from '@pippa/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCandidates } from '../src/sampling/candidates.ts';
import { chooseToken } from '../src/sampling/choose.ts';
import { uniformDraw } from '../src/sampling/draw.ts';
import { tokenLogprob } from '../src/sampling/logprobs.ts';
import { PenaltyWindow } from '../src/sampling/penalties.ts';

const OFF = { topK: 0, topP: 1, minP: 0, typicalP: 1, temperature: 1 };
const settings = (more: Partial<SamplerSettings>): SamplerSettings => ({ ...DEFAULT_SAMPLER_SETTINGS, ...OFF, seed: 1, ...more });
const logitsOf = (...probabilities: number[]): Float32Array => Float32Array.from(probabilities, Math.log);

/** How often each token comes out of many positions. */
function shares(logits: Float32Array, chosen: SamplerSettings, draws = 20_000): number[] {
  const counts = new Array<number>(logits.length).fill(0);
  const candidates = createCandidates();
  for (let position = 0; position < draws; position += 1) {
    const token = chooseToken(logits, chosen, position, candidates);
    counts[token] = (counts[token] as number) + 1;
  }
  return counts.map((count) => count / draws);
}

describe('draw', () => {
  it('depends on seed and position alone and is uniform', () => {
    expect(uniformDraw(7, 100)).toBe(uniformDraw(7, 100));
    expect(uniformDraw(7, 100)).not.toBe(uniformDraw(7, 101));
    const buckets = new Array<number>(10).fill(0);
    for (let position = 0; position < 50_000; position += 1) {
      const bucket = Math.floor(uniformDraw(3, position) * 10);
      buckets[bucket] = (buckets[bucket] as number) + 1;
    }
    for (const count of buckets) expect(Math.abs(count / 5000 - 1)).toBeLessThan(0.06);
  });
});

describe('chooseToken', () => {
  const logits = logitsOf(0.5, 0.25, 0.15, 0.07, 0.03);

  it('draws by probability', () => {
    const drawn = shares(logits, settings({}));
    for (const [token, probability] of [0.5, 0.25, 0.15, 0.07, 0.03].entries()) expect(drawn[token]).toBeCloseTo(probability, 1);
  });

  it.each([
    ['temperature 0', { temperature: 0 }, [0]],
    ['top-k', { topK: 2 }, [0, 1]],
    ['top-p', { topP: 0.8 }, [0, 1, 2]],
    ['min-p', { minP: 0.2 }, [0, 1, 2]],
    ['typical-p', { typicalP: 0.2 }, [1]],
  ] as const)('%s keeps what it should', (_, more, kept) => {
    const drawn = shares(logits, settings(more));
    expect(drawn.flatMap((share, token) => (share > 0 ? [token] : []))).toEqual([...kept]);
  });

  it('never draws a forbidden token, for any logits', () => {
    const anyLogits = fc.array(fc.oneof(fc.float({ min: -50, max: 50, noNaN: true }), fc.constant(-Infinity)), {
      minLength: 2,
      maxLength: 60,
    });
    const anySettings = fc.record({
      topK: fc.integer({ min: 0, max: 50 }),
      topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
      minP: fc.double({ min: 0, max: 0.9, noNaN: true }),
      typicalP: fc.double({ min: 0.05, max: 1, noNaN: true }),
      temperature: fc.double({ min: 0, max: 2, noNaN: true }),
    });
    fc.assert(
      fc.property(anyLogits, anySettings, fc.nat(10_000), (values, more, position) => {
        fc.pre(values.some((value) => value !== -Infinity));
        const token = chooseToken(Float32Array.from(values), settings(more), position, createCandidates());
        expect(values[token]).toBeGreaterThan(-Infinity);
      }),
    );
  });
});

describe('penalties', () => {
  it('weigh only the last tokens', () => {
    const window = new PenaltyWindow(2);
    for (const token of [0, 1, 1]) window.accept(token);
    const logits = Float32Array.of(2, 2, -2);
    window.apply(logits, settings({ repeatPenalty: 2, presencePenalty: 0.5, frequencyPenalty: 0.25, penaltyLastTokens: 2 }));
    expect([...logits]).toEqual([2, 0, -2]);
  });
});

describe('log probabilities', () => {
  it('are those of the model', () => {
    const { logprob, top } = tokenLogprob(logitsOf(0.5, 0.25, 0.25), 1, 2);
    expect(logprob).toBeCloseTo(Math.log(0.25));
    expect(top.map(({ token }) => token)).toEqual([0, 1]);
  });
});
