import { describe, expect, it } from 'vitest';
import { simulateRound } from './support/simulation.ts';

/** `PIPPA_SIMULATION_SEED=17 PIPPA_SIMULATION_ROUNDS=1` plays one round again. */
const first = Number(process.env['PIPPA_SIMULATION_SEED'] ?? 1);
const rounds = Number(process.env['PIPPA_SIMULATION_ROUNDS'] ?? 60);

describe('recovery, simulated', () => {
  it(`gives every client the undisturbed text and leaves nothing behind, seeds ${first} to ${first + rounds - 1}`, async () => {
    let recoveries = 0;
    for (let seed = first; seed < first + rounds; seed += 1) {
      const report = await simulateRound(seed);
      recoveries += report.recoveries;
      expect(report.wrong, `seed ${seed}, faults: ${report.faults.join('; ')}`).toEqual([]);
    }
    expect(recoveries).toBeGreaterThan(0);
  }, 600_000);
});
