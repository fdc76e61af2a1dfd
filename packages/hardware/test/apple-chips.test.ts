import { describe, expect, it } from 'vitest';
import { appleChipFacts } from '../src/apple-chips.ts';

const FAMILIES = [1, 2, 3, 4, 5].flatMap((generation) =>
  ['', ' Pro', ' Max', ' Ultra'].map((tier) => `Apple M${generation}${tier}`),
);
/** There is no such chip, or it is not out. */
const MISSING = new Set(['Apple M4 Ultra', 'Apple M5 Ultra']);

describe('the chips of Apple', () => {
  it.each(FAMILIES)('%s is known', (chip) => {
    expect(appleChipFacts(chip)).toMatchObject({ bandwidthSource: MISSING.has(chip) ? 'estimated' : 'published' });
  });

  it.each([
    ['Apple M1', 7, 68],
    ['Apple M1 Ultra', 48, 800],
    ['Apple M3 Pro', 14, 150],
    ['Apple M3 Max', 30, 300],
    ['Apple M3 Max', 40, 400],
    ['Apple M3 Ultra', 80, 819],
    ['Apple M4 Max', 32, 410],
    ['Apple M4 Max', 40, 546],
    ['Apple M5', 10, 153],
    ['Apple M5 Pro', 16, 307],
    ['Apple M5 Max', 32, 460],
    ['Apple M5 Max', 40, 614],
  ])('%s with %d GPU cores reads %d GB/s', (chip, gpuCores, gigabytes) => {
    expect(appleChipFacts(chip, gpuCores)).toMatchObject({ memoryBandwidth: gigabytes * 1e9, gpuCores, ambiguous: false });
  });

  it('are taken for the smaller variant while the GPU cores are not known', () => {
    expect(appleChipFacts('Apple M4 Max')).toMatchObject({ memoryBandwidth: 410e9, ambiguous: true });
  });

  it('to come are no slower than those before', () => {
    expect(appleChipFacts('Apple M6')).toMatchObject({ memoryBandwidth: 153e9, bandwidthSource: 'estimated' });
    expect(appleChipFacts('Apple M7 Max')?.memoryBandwidth).toBeGreaterThanOrEqual(460e9);
    expect(appleChipFacts('Apple M5 Ultra')).toMatchObject({ memoryBandwidth: 1228e9, gpuCores: 80 });
    expect(appleChipFacts('Apple M6')?.computeRate).toBeGreaterThanOrEqual(appleChipFacts('Apple M5')?.computeRate ?? Infinity);
  });

  it('are not those of others', () => {
    for (const chip of ['Intel Core i9', 'Apple A18 Pro', 'AMD EPYC', '']) expect(appleChipFacts(chip)).toBeUndefined();
  });
});
