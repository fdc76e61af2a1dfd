import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext } from './define.ts';
import { measureQuietly } from './quiet.ts';
import { median } from './statistics.ts';

/** Measures once; `round` -1 is the warm-up. It may be called again for the same round. */
export type Variant = (round: number) => Promise<number> | number;

/**
 * Runs all variants once a round, in turning order, and returns each one's values: whatever else the machine does meets all of them
 * alike. The first, unmeasured round warms up. `ours`: processor milliseconds of this run's other processes.
 */
export async function interleave<Name extends string>(
  context: BenchContext,
  variants: Readonly<Record<Name, Variant>>,
  ours: () => number = () => 0,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(variants) as Name[];
  const values = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (const name of names) await variants[name](-1);
  const shares: number[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    const told: string[] = [];
    for (const index of names.keys()) {
      const name = names[(index + round) % names.length] as Name;
      await sleep(context.pauseMs);
      const { value, share } = await measureQuietly(() => variants[name](round), { ours, patienceMs: context.patienceMs });
      values[name].push(value);
      shares.push(share);
      told.push(`${name} ${value.toPrecision(4)} (${Math.round(share * 100)} %)`);
    }
    context.log(`round ${round + 1} of ${context.rounds}: ${told.toSorted().join(', ')}`);
  }
  context.log(`others used ${(median(shares) * 100).toFixed(1)} % of the machine (median over the measurements)`);
  return values;
}
