import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ringId, systemClock, type CardModel } from '@pippa/core';
import { MemoryNetwork } from '@pippa/testing';
import { StoreFiles, type ModelFiles } from '../../agent/src/node/model-files.ts';
import { ShardCache } from '../../agent/src/engine/shard-cache.ts';
import { NodeStageLoader } from '../../agent/src/node/node-stage-loader.ts';
import { StageActivity } from '../../agent/src/node/stage-activity.ts';
import { FOLDER } from './bulk/measure.ts';
import { openStore } from './bulk/open-store.ts';
import { BENCH_MODEL, benchModelPath } from './harness/bench-model.ts';
import { defineBench } from './harness/define.ts';
import { interleave } from './harness/interleave.ts';
import { ratios } from './harness/statistics.ts';

/** About 2 Gbit/s. */
const LINK_BYTES_PER_SECOND = 200e6;
const HALF = BENCH_MODEL.layers / 2;

/** Seconds from nothing to a loaded stage of half the layers. `isPatient`: all bytes are waited for before loading begins. */
async function bringUp(network: MemoryNetwork, name: string, card: CardModel, isPatient: boolean): Promise<number> {
  const folder = join(FOLDER, name);
  const store = openStore(network.node(name), folder);
  await store.start();
  await store.header(card.id);
  const found = new StoreFiles(store);
  const files: ModelFiles = {
    manifest: (...asked) => found.manifest(...asked),
    header: (...asked) => found.header(...asked),
    async shard(...asked) {
      const shard = await found.shard(...asked);
      if (isPatient) await shard.arrival?.done;
      return shard;
    },
  };
  const loader = new NodeStageLoader({
    files,
    budgetBytes: 8 * 1024 ** 3,
    threads: 1,
    cache: new ShardCache({ directory: join(folder, 'shards'), clock: systemClock }),
    activity: new StageActivity(systemClock),
  });
  const model = { id: card.id, name: card.name };
  const place = {
    ring: ringId('bench'),
    index: 0,
    stageCount: 2,
    from: 0,
    to: HALF,
    layerCount: card.layerCount,
    expectedBytes: 0,
  };
  const sizes = { contextCells: 512, parallelSequences: 1, maxRows: 64, stagesHere: 1, ownCells: false };
  const startedMs = performance.now();
  const runner = await loader.load({ model, ...place, ...sizes }, { onProgress() {}, signal: AbortSignal.timeout(120_000) });
  const seconds = (performance.now() - startedMs) / 1000;
  await runner[Symbol.asyncDispose]();
  await store.stop();
  await rm(folder, { recursive: true, force: true });
  return seconds;
}

export default defineBench({
  title: 'a stage of half the layers from nothing, over a link of 200 MB/s: loading after fetching, and meanwhile',
  rounds: 5,
  async run(context) {
    const folder = join(FOLDER, 'giver');
    await rm(folder, { recursive: true, force: true });
    await mkdir(join(folder, 'models'), { recursive: true });
    await symlink(await benchModelPath(), join(folder, 'models/bench.gguf'));
    const network = new MemoryNetwork();
    const mesh = network.node('giver');
    const giver = openStore(mesh, folder, () => LINK_BYTES_PER_SECOND);
    await giver.start();
    const [card] = giver.list();
    if (card === undefined) throw new Error('There is no model.');
    await giver.prepare(card.id);
    mesh.updateCard({ models: giver.list() });
    let number = 0;
    const fresh = (isPatient: boolean): Promise<number> => bringUp(network, `taker-${(number += 1)}`, card, isPatient);
    const seconds = await interleave(context, { after: () => fresh(true), meanwhile: () => fresh(false) });
    await giver.stop();
    await rm(folder, { recursive: true, force: true });
    return [
      { name: 'loading after fetching', unit: 's', samples: seconds.after },
      { name: 'loading while fetching', unit: 's', samples: seconds.meanwhile },
      {
        name: 'loading while / after fetching',
        unit: 'x',
        samples: ratios(seconds.meanwhile, seconds.after),
        target: { atMost: 1 },
      },
    ];
  },
});
