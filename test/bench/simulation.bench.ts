import { playRounds } from '../../packages/ring/test/support/play-rounds.ts';
import { defineBench } from './harness/define.ts';

/** Simulated rounds a measurement: some seconds. */
const ROUNDS = 3000;
/** Seeds that `npm test` does not play. */
const FIRST_SEED = 100_000;

export default defineBench({
  title: 'the recovery of rings in simulated time: rounds of seeded faults a minute, on all cores, and what came of them',
  rounds: 3,
  async run({ rounds, log }) {
    const aMinute: number[] = [];
    const recovered: number[] = [];
    const wrong: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const played = await playRounds({ first: FIRST_SEED + round * ROUNDS, count: ROUNDS });
      aMinute.push((played.rounds * 60) / played.seconds);
      recovered.push(played.withRecovery / played.rounds);
      wrong.push(played.failed.length);
      log(`${played.rounds} rounds, ${played.faults} faults, ${played.recoveries} recoveries, ${played.tokens} tokens`);
      for (const { seed, wrong: reasons } of played.failed) log(`seed ${seed}: ${reasons.join('; ')}`);
    }
    return [
      { name: 'simulated rounds', unit: 'a minute', samples: aMinute, target: { atLeast: 10_000 } },
      { name: 'of them with a recovery', unit: 'x', samples: recovered, target: { atLeast: 0.98 } },
      { name: 'rounds in which something went wrong', unit: '', samples: wrong, target: { atMost: 0 } },
    ];
  },
});
