/**
 * A uniform number in [0, 1) that depends on (seed, position) alone, the same on every machine: a replayed or moved sequence draws
 * what it would have drawn. Mixing as in MurmurHash3's 32-bit finaliser, one word for each half of the 53 bits.
 */
export function uniformDraw(seed: number, position: number): number {
  const high = mix(mix(seed ^ 0x9e3779b9) ^ Math.imul(position + 1, 0x85ebca6b));
  const low = mix(high ^ Math.imul(position + 1, 0xc2b2ae35) ^ seed);
  return ((high >>> 5) * 67_108_864 + (low >>> 6)) / 9_007_199_254_740_992;
}

function mix(word: number): number {
  let mixed = word | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
