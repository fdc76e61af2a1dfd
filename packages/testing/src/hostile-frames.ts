/** A small generator of random numbers, the same ones every time: `0 <= n < 1`. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Values that code meets where it expected others. */
const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  NaN,
  Infinity,
  2 ** 31,
  2 ** 53,
  '',
  'x'.repeat(300),
  '__proto__',
  [],
  {},
  [[[[[]]]]],
  new Uint8Array(0),
  new Uint8Array(33),
];

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** The value with one to three things in it changed, taken away or added, at any depth. */
export function mutateValue(value: unknown, random: () => number): unknown {
  let mutated = value;
  for (let times = 0; times <= random() * 3; times++) mutated = mutateOnce(mutated, random);
  return mutated;
}

function mutateOnce(value: unknown, random: () => number): unknown {
  const below = (bound: number): number => Math.floor(random() * bound);
  const odd = (): unknown => ODD_VALUES[below(ODD_VALUES.length)];
  const keys = isRecord(value) ? Object.keys(value) : Array.isArray(value) ? [...value.keys()].map(String) : [];
  const key = keys[below(keys.length)];
  if (key === undefined || random() < 0.05) return odd();
  const entries: [string, unknown][] = Object.entries(value as object);
  const changed = entries.flatMap(([name, inner]): [string, unknown][] => {
    if (name !== key) return [[name, inner]];
    const kind = below(4);
    if (kind === 0) return [];
    if (kind === 1) return [[name, odd()]];
    if (kind === 2)
      return [
        [name, inner],
        [`${name}x`, odd()],
      ];
    return [[name, mutateOnce(inner, random)]];
  });
  return Array.isArray(value) ? changed.map(([, inner]) => inner) : Object.fromEntries(changed);
}

/** Random bytes, or good ones with some changed, cut off, doubled or put in. */
export function mutateBytes(good: Uint8Array, random: () => number): Uint8Array {
  const below = (bound: number): number => Math.floor(random() * bound);
  if (good.length === 0 || random() < 0.1) return Uint8Array.from({ length: below(64) }, () => below(256));
  let bytes = [...good];
  for (let times = 0; times <= below(4); times++) {
    const at = below(bytes.length);
    const kind = below(4);
    if (kind === 0) bytes[at] = below(256);
    else if (kind === 1) bytes = bytes.slice(0, at);
    else if (kind === 2) bytes.splice(at, 0, ...bytes.slice(at, at + below(16)));
    else bytes.splice(at, 0, below(256));
    if (bytes.length === 0) break;
  }
  return Uint8Array.from(bytes);
}
