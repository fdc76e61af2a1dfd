/** The value below which `share` (0 .. 1) of the samples lie, between neighbours where it falls between them. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const low = sorted[Math.floor(place)] ?? Number.NaN;
  const high = sorted[Math.ceil(place)] ?? Number.NaN;
  return low + (high - low) * (place - Math.floor(place));
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

/** `above[i] / below[i]`: what was measured right after each other is compared, so that a machine that slows down cancels out. */
export function ratios(above: readonly number[], below: readonly number[]): number[] {
  return above.map((value, index) => value / (below[index] ?? Number.NaN));
}

/** `larger[i] - smaller[i]` */
export function differences(larger: readonly number[], smaller: readonly number[]): number[] {
  return larger.map((value, index) => value - (smaller[index] ?? Number.NaN));
}

/** Slope of the straight line through `samples` over their index (least squares). */
export function slope(samples: readonly number[]): number {
  const middle = (samples.length - 1) / 2;
  const mean = samples.reduce((sum, value) => sum + value, 0) / samples.length;
  let above = 0;
  let below = 0;
  for (const [index, value] of samples.entries()) {
    above += (index - middle) * (value - mean);
    below += (index - middle) ** 2;
  }
  return above / below;
}
