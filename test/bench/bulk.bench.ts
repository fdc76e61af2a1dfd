import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  FOLDER,
  lastCost,
  overDirect,
  overFiles,
  overSockets,
  overCapped,
  overStore,
  overStreams,
  sendersMs,
} from './bulk/measure.ts';
import { benchModelPath } from './harness/bench-model.ts';
import { defineBench, type Figure } from './harness/define.ts';
import { interleave } from './harness/interleave.ts';
import { ratios } from './harness/statistics.ts';

/** Of each node's link, bytes a second. */
const CAP = 40e6;
const FROM_ONE = 'layers from 1 node of 40 MB/s';
const FROM_THREE = 'layers from 3 nodes of 40 MB/s';

const WAYS = {
  'raw TCP': () => overSockets('tcp', 2 ** 20),
  'raw TCP, from file to file': overFiles,
  'raw TCP, read as Node does by itself': () => overSockets('tcp', 0),
  'TLS 1.2, AES-128-GCM': () => overSockets('tls', 0),
  'libp2p, 1 stream': () => overStreams(1),
  'libp2p, 4 streams': () => overStreams(4),
  'direct AES-128-GCM, 1 connection': () => overDirect(1, 1),
  'direct AES-128-GCM, 2 connections': () => overDirect(2, 1),
  'direct AES-128-GCM, 2 threads': () => overDirect(1, 2),
  'model by libp2p, checked and written': () => overStore(false),
  'model by direct connection, checked and written': () => overStore(true),
  [FROM_ONE]: () => overCapped(1, CAP),
  [FROM_THREE]: () => overCapped(3, CAP),
};

export default defineBench({
  title: 'bytes from one process to another, over loopback',
  rounds: 5,
  async run(context) {
    await rm(FOLDER, { recursive: true, force: true });
    await mkdir(join(FOLDER, 'models'), { recursive: true });
    await copyFile(await benchModelPath(), join(FOLDER, 'models/bench.gguf'));
    const costs = new Map<string, { receiver: number[]; sender: number[] }>();
    const variants = Object.fromEntries(
      Object.entries(WAYS).map(([name, way]) => [
        name,
        async (round: number) => {
          const rate = await way();
          const cost = costs.get(name) ?? { receiver: [], sender: [] };
          costs.set(name, cost);
          if (round >= 0) {
            cost.receiver.push(lastCost.receiver);
            cost.sender.push(lastCost.sender);
          }
          return rate;
        },
      ]),
    );
    const values = await interleave(context, variants, sendersMs);
    const raw = values['raw TCP'] ?? [];
    const figures: Figure[] = Object.entries(values).map(([name, samples]) => ({ name, unit: 'MB/s', samples }));
    const files = values['raw TCP, from file to file'] ?? [];
    const toRaw = Object.entries(values)
      .filter(([name]) => name !== 'raw TCP' && !name.startsWith('layers'))
      .map(([name, samples]): Figure => {
        const [against, base] = name.startsWith('model') ? ['raw TCP, from file to file', files] : ['raw TCP', raw];
        const ratio = samples.map((value, round) => value / (base[round] ?? Number.NaN));
        return { name: `${name} / ${against}`, unit: 'x', samples: ratio };
      });
    const processor = [...costs].flatMap(([name, { receiver, sender }]): Figure[] => [
      { name: `${name}: receiver`, unit: 's/GB', samples: receiver },
      { name: `${name}: sender`, unit: 's/GB', samples: sender },
    ]);
    await rm(FOLDER, { recursive: true, force: true });
    const swarm: Figure = {
      name: 'layers from 3 nodes / from 1',
      unit: 'x',
      samples: ratios(values[FROM_THREE] ?? [], values[FROM_ONE] ?? []),
      target: { atLeast: 2 },
    };
    return [...figures, ...toRaw, swarm, ...processor];
  },
});
