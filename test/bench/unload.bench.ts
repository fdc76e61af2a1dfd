import { join } from 'node:path';
import { architectureRule, readGgufModel } from '@pippa/gguf';
import { loadStage, type StageOptions } from '@pippa/llama';
import { systemClock } from '@pippa/core';
import { ShardCache } from '../../agent/src/engine/shard-cache.ts';
import { shardSource } from '../../agent/src/engine/stage-sources.ts';
import { BENCH_MODEL, benchDirectory, benchModelPath } from './harness/bench-model.ts';
import { defineBench } from './harness/define.ts';
import { median, slope } from './harness/statistics.ts';

/** A few layers in the middle: each round loads and frees about 110 MB of weights, so a stage that stays shows at once. */
const FROM = 8;
const TO = 12;
const MIB = 2 ** 20;

export default defineBench({
  title: 'a stage loaded and unloaded again and again',
  rounds: 50,
  async run(context) {
    const model = await readGgufModel(await benchModelPath());
    const cache = new ShardCache({ directory: join(benchDirectory, 'shards'), clock: systemClock });
    const options: StageOptions = {
      source: (await shardSource(model, [FROM, TO], architectureRule(model), { onGpu: false, cache })).source,
      from: FROM,
      to: TO,
      layerCount: BENCH_MODEL.layers,
      contextCells: 4096,
      parallelSequences: 4,
      maxRows: 256,
      threads: 1,
      gpu: 'off',
      hiddenStateName: 'l_out',
      recurrent: false,
      positionsPerToken: 1,
      expectedBytes: { weights: 0, context: 0, compute: 0 },
    };
    const after: number[] = [];
    const loaded: number[] = [];
    for (let round = 0; round < context.rounds; round += 1) {
      const stage = await loadStage(options);
      loaded.push(process.memoryUsage.rss() / MIB);
      await stage[Symbol.asyncDispose]();
      globalThis.gc?.();
      after.push(process.memoryUsage.rss() / MIB);
      if (round % 10 === 9) context.log(`after ${round + 1} rounds: ${(after.at(-1) ?? 0).toFixed(1)} MiB`);
    }
    // The first rounds fill the allocators' pools; a leak goes on after them.
    const settled = after.slice(Math.floor(after.length / 5));
    return [
      { name: 'resident memory with the stage', unit: 'MiB', samples: loaded },
      { name: 'resident memory without', unit: 'MiB', samples: after },
      { name: 'weights and cache of the stage', unit: 'MiB', samples: [median(loaded) - median(after)] },
      { name: 'growth a round', unit: 'MiB', samples: [slope(settled)], target: { atMost: 0.5 } },
    ];
  },
});
