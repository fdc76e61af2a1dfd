import { describe, expect, it } from 'vitest';
import { Faults } from './support/faults.ts';
import { House } from './support/house.ts';
import { findLeaks } from './support/leaks.ts';
import { planFaults, type PlannedRound } from './support/plan-faults.ts';
import { Random } from '../../packages/ring/test/support/random.ts';
import { Reference } from './support/reference.ts';
import { Traffic } from './support/traffic.ts';

/** `PIPPA_CHAOS_ROUNDS=1000 PIPPA_CHAOS_SEED=7 npm test -- test/chaos` is the long form; a seed has the same faults at the same times again. */
const rounds = Number(process.env['PIPPA_CHAOS_ROUNDS'] ?? 50);
const seed = Number(process.env['PIPPA_CHAOS_SEED'] ?? 1);
const isLong = process.env['PIPPA_CHAOS_ROUNDS'] !== undefined;

/** Between two rounds; the short form hurries. */
const PAUSE_MS = isLong ? ([1000, 5000] as const) : ([500, 1500] as const);
const TIMEOUT_MS = isLong ? 24 * 3_600_000 : 900_000;
const CLIENTS = 5;
/** More would leave nobody who could serve. */
const MOST_IMPAIRED = 2;

// Both at once: much of the time they wait for what goes by itself.
describe.concurrent.each([
  { replay: 'fast', exactReplay: false },
  { replay: 'exact', exactReplay: true },
])('a house that things happen to, $replay replay', ({ replay, exactReplay }) => {
  it(
    `gives every client the model's text and leaves nothing behind, seed ${seed}, ${rounds} rounds`,
    async () => {
      const sinceMs = performance.now();
      const told: string[] = [];
      const tell = (what: string): void => {
        told.push(`${Date.now() % 1e8} ${((performance.now() - sinceMs) / 1000).toFixed(2)} s: ${what}`);
        if (process.env['PIPPA_CHAOS_TELL'] !== undefined) console.log(told.at(-1));
      };
      await using reference = await Reference.open({ exactReplay });
      await using house = await House.open({ exactReplay, random: new Random(seed) });
      for (const reason of house.leftOut) console.log(`left out: ${reason}`);
      const traffic = new Traffic({ house, reference, exactReplay, tell });
      tell(`${house.nodes.length} nodes`);
      traffic.start(CLIENTS, seed);
      const plan = planFaults({ seed, rounds, pauseMs: PAUSE_MS, without: house.without });
      await live(house, plan, {
        tell,
        isOver: () => traffic.wrongs.length > 0,
        onError: (what) => traffic.wrongs.push(what),
      });
      tell('all faults are over');
      await traffic.stop();
      const counts = JSON.stringify(traffic.counts);
      console.log(
        `chaos, ${replay}, seed ${seed}: ${rounds} rounds in ${Math.round((performance.now() - sinceMs) / 1000)} s, ${counts}`,
      );
      expect(traffic.wrongs, told.join('\n')).toEqual([]);
      expect(traffic.counts.whole, told.join('\n')).toBeGreaterThan(0);
      await house.settled();
      expect(await findLeaks(house), told.join('\n')).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

/** Settles when everything has happened and is over. */
async function live(
  house: House,
  plan: readonly PlannedRound[],
  {
    tell,
    isOver,
    onError,
  }: { readonly tell: (what: string) => void; readonly isOver: () => boolean; readonly onError: (what: string) => void },
): Promise<void> {
  const faults = new Faults(house);
  const underWay: Promise<void>[] = [];
  for (const [round, { kind, faults: planned, afterMs }] of plan.entries()) {
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    while (faults.impaired + planned.length > MOST_IMPAIRED) await new Promise((resolve) => setTimeout(resolve, 50));
    if (isOver()) break;
    for (const fault of planned) {
      const happened = faults.happen(fault, (what) => tell(`round ${round}, ${kind}: ${what}`));
      underWay.push(happened.catch((error: unknown) => onError(`${fault.kind} went wrong: ${String(error)}`)));
    }
  }
  await Promise.all(underWay);
}
