import { describe, expect, it } from 'vitest';
import { playRounds } from './support/play-rounds.ts';
import { simulateRound } from './support/simulation.ts';

/** `PIPPA_SIMULATION_SEED=17 PIPPA_SIMULATION_ROUNDS=1` plays one round again; more than these are for hours in which nobody waits. */
const first = Number(process.env['PIPPA_SIMULATION_SEED'] ?? 1);
const count = Number(process.env['PIPPA_SIMULATION_ROUNDS'] ?? 400);
const isDefault = process.env['PIPPA_SIMULATION_SEED'] === undefined && process.env['PIPPA_SIMULATION_ROUNDS'] === undefined;

describe('recovery, simulated', () => {
  it(`gives every client the undisturbed text and leaves nothing behind, seeds ${first} to ${first + count - 1}`, async () => {
    const played = await playRounds({ first, count });
    const { rounds, seconds, recoveries, withRecovery, failed } = played;
    process.stdout.write(
      `${rounds} rounds in ${seconds.toFixed(1)} s: ${Math.round((rounds / seconds) * 60)} a minute, ` +
        `${recoveries} recoveries in ${withRecovery} of them\n`,
    );
    const [worst] = failed;
    expect(worst?.wrong ?? [], `seed ${worst?.seed}, faults: ${worst?.faults.join('; ')}`).toEqual([]);
    // A few losses come when nobody waits any more.
    if (isDefault) expect(withRecovery).toBeGreaterThan(0.98 * count);
  }, 3_600_000);

  it('plays the same round for the same seed', async () => {
    for (let seed = first; seed < first + 20; seed += 1) expect(await simulateRound(seed)).toEqual(await simulateRound(seed));
  });
});
