import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseCuts } from '../src/engine/choose-cuts.ts';

const everywhere = (layers: number): number[] => Array.from({ length: layers - 1 }, (_, index) => index + 1);

describe('cutting a model into stages', () => {
  it('gives equal layers out evenly', () => {
    expect(chooseCuts([1, 1, 1, 1, 1, 1, 1, 1], everywhere(8), 4)).toEqual([0, 2, 4, 6, 8]);
  });

  it('gives fewer layers to the stage with the head', () => {
    expect(chooseCuts([1, 1, 1, 1, 1, 1, 1, 3], everywhere(8), 2)).toEqual([0, 5, 8]);
  });

  it('cuts only where it may', () => {
    expect(chooseCuts([1, 1, 1, 1, 1, 1, 1, 1], [3, 6], 2)).toEqual([0, 3, 8]);
    expect(chooseCuts([1, 1, 1, 1, 1, 1, 1, 1], [3, 6], 4)).toBeUndefined();
  });

  it('is as good as trying everything', () => {
    const model = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 9 }).chain((costs) =>
      fc.record({
        costs: fc.constant(costs),
        allowed: fc.subarray(everywhere(costs.length)),
        stages: fc.integer({ min: 1, max: 4 }),
      }),
    );
    fc.assert(
      fc.property(model, ({ costs, allowed, stages }) => {
        const chosen = chooseCuts(costs, allowed, stages);
        const all = combinations(allowed, stages - 1).map((cuts) => slowest(costs, [0, ...cuts, costs.length]));
        if (chosen === undefined) expect(all).toEqual([]);
        else {
          expect(chosen.slice(1, -1).every((cut) => allowed.includes(cut))).toBe(true);
          expect(chosen).toHaveLength(stages + 1);
          expect(slowest(costs, chosen)).toBe(Math.min(...all));
        }
      }),
    );
  });
});

function slowest(costs: readonly number[], boundaries: readonly number[]): number {
  return Math.max(
    ...boundaries.slice(1).map((to, index) => costs.slice(boundaries[index], to).reduce((sum, cost) => sum + cost, 0)),
  );
}

function combinations(items: readonly number[], count: number): number[][] {
  if (count === 0) return [[]];
  return items.flatMap((item, index) => combinations(items.slice(index + 1), count - 1).map((rest) => [item, ...rest]));
}
