import { playRounds, type PlayedRounds, type RoundsToPlay } from '../../packages/ring/test/support/play-rounds.ts';
import { defineBench } from './harness/define.ts';

/** Simulated rounds a measurement: some seconds. */
const ROUNDS = 3000;
/** With time that steps and frames take in half of them. */
const SLOW_ROUNDS = 300;
/** Seeds that `npm test` does not play. */
const FIRST_SEED = 100_000;

export default defineBench({
  title: 'the recovery of rings in simulated time: rounds of seeded faults a minute, on all cores, and what came of them',
  rounds: 3,
  async run({ rounds, log }) {
    const aMinute: number[] = [];
    const slowAMinute: number[] = [];
    const recovered: number[] = [];
    const wrong: number[] = [];
    const play = async (order: RoundsToPlay): Promise<PlayedRounds> => {
      const played = await playRounds(order);
      log(`${played.rounds} rounds, ${played.faults} faults, ${played.recoveries} recoveries, ${played.tokens} tokens`);
      for (const { seed, wrong: reasons } of played.failed) log(`seed ${seed}: ${reasons.join('; ')}`);
      return played;
    };
    for (let round = 0; round < rounds; round += 1) {
      const played = await play({ first: FIRST_SEED + round * ROUNDS, count: ROUNDS, hasLatency: false });
      const slow = await play({ first: FIRST_SEED + round * SLOW_ROUNDS, count: SLOW_ROUNDS });
      aMinute.push((played.rounds * 60) / played.seconds);
      slowAMinute.push((slow.rounds * 60) / slow.seconds);
      recovered.push((played.withRecovery + slow.withRecovery) / (played.rounds + slow.rounds));
      wrong.push(played.failed.length + slow.failed.length);
    }
    return [
      { name: 'simulated rounds', unit: 'a minute', samples: aMinute, target: { atLeast: 10_000 } },
      { name: 'the same with latency in half of them', unit: 'a minute', samples: slowAMinute },
      { name: 'of them with a recovery', unit: 'x', samples: recovered, target: { atLeast: 0.98 } },
      { name: 'rounds in which something went wrong', unit: '', samples: wrong, target: { atMost: 0 } },
    ];
  },
});
