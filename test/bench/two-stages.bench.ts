import { benchModelPath, randomPrompt } from './harness/bench-model.ts';
import { defineBench } from './harness/define.ts';
import { interleave } from './harness/interleave.ts';
import { jointSpeed, openLocalRing, type LocalRing } from './harness/local-ring.ts';
import { waitedForCoreMs } from './harness/quiet.ts';
import { SideBySide } from './harness/side-by-side.ts';
import { median, ratios } from './harness/statistics.ts';

const TOKENS = 48;
const PROMPT_TOKENS = 16;

/** Seeds of the prompts: never the same twice, or the prefix cache would answer. */
let seed = 0;
const prompt = (length: number): number[] => randomPrompt(length, (seed += 1));

async function decode(ring: LocalRing, streams: number): Promise<number> {
  return jointSpeed(await Promise.all(Array.from({ length: streams }, () => ring.generate(prompt(PROMPT_TOKENS), TOKENS + 1))));
}

export default defineBench({
  title: 'decoding over two stages of one thread against one stage of one thread, in one process',
  rounds: 10,
  async run(context) {
    const common = { threadsPerStage: 1, parallelSequences: 8, contextCells: 4096 };
    const one = await openLocalRing({ ...common, stages: 1 });
    const two = await openLocalRing({ ...common, stages: 2 });
    const bare = await SideBySide.open(await benchModelPath(), 2);
    try {
      const cpu = { one: [] as number[], two: [] as number[] };
      const net = { one: [] as number[], two: [] as number[] };
      const counted = async (name: keyof typeof cpu, measure: () => Promise<number>): Promise<number> => {
        const before = process.cpuUsage();
        const waitedMs = waitedForCoreMs();
        const startedMs = performance.now();
        const value = await measure();
        net[name].push(performance.now() - startedMs - (waitedForCoreMs() - waitedMs));
        const used = process.cpuUsage(before);
        cpu[name].push(used.user + used.system);
        return value;
      };
      const speeds = await interleave(context, {
        one: () => counted('one', () => decode(one, 1)),
        two: () => counted('two', () => decode(two, 1)),
        'side by side': () => bare.speed(2, TOKENS),
        'two, 2 streams': () => decode(two, 2),
        'two, 4 streams': () => decode(two, 4),
      });
      return [
        { name: 'decode, one stage', unit: 'tokens/s', samples: speeds.one },
        { name: 'decode, two stages / one', unit: 'x', samples: ratios(speeds.two, speeds.one), target: { atLeast: 0.93 } },
        // One stream's threads work one after the other, so what any of them waited is time that the answer took longer.
        { name: 'a whole answer, one / two, less waiting for a core', unit: 'x', samples: [median(net.one) / median(net.two)] },
        { name: 'decode, processor time one / two', unit: 'x', samples: [median(cpu.one) / median(cpu.two)] },
        {
          name: 'decode, two bare loops side by side / 1 over one stage',
          unit: 'x',
          samples: ratios(speeds['side by side'], speeds.one),
        },
        {
          name: 'decode, 2 streams over two stages / two bare loops',
          unit: 'x',
          samples: ratios(speeds['two, 2 streams'], speeds['side by side']),
          target: { atLeast: 0.9 },
        },
        {
          // Both stages read weights all the time then: the memory that cores share bounds it, and not only for stages.
          name: 'decode, 2 streams over two stages / 1 over one',
          unit: 'x',
          samples: ratios(speeds['two, 2 streams'], speeds.one),
        },
        {
          name: 'decode, 4 streams over two stages / 1 over one',
          unit: 'x',
          samples: ratios(speeds['two, 4 streams'], speeds.one),
          target: { atLeast: 1.8 },
        },
      ];
    } finally {
      await one[Symbol.asyncDispose]();
      await two[Symbol.asyncDispose]();
      await bare[Symbol.asyncDispose]();
    }
  },
});
