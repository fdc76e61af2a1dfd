import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { membershipOf } from '@pippa/mesh';
import { FetchingNode } from './beside/fetching-node.ts';
import { FOLDER } from './bulk/measure.ts';
import { benchModelPath, randomPrompt } from './harness/bench-model.ts';
import { defineBench } from './harness/define.ts';
import { interleave } from './harness/interleave.ts';
import { jointSpeed } from './harness/local-ring.ts';
import { openMeshNodes } from './harness/mesh-ring.ts';
import type { RemoteNode } from '../support/remote-node.ts';
import { ratios } from './harness/statistics.ts';

const TOKENS = 96;
const GIB = 1024 ** 3;
const KEY = new Uint8Array(16).fill(7);

let seed = 0;
/** Tokens a second of one stream. */
async function decode(node: RemoteNode): Promise<number> {
  return jointSpeed([await node.generate(randomPrompt(16, (seed += 1)), TOKENS + 1)]);
}

export default defineBench({
  title: 'one stream of a node with one thread while another node fetches a model from it over a direct connection',
  rounds: 5,
  async run(context) {
    const folder = join(FOLDER, 'beside');
    await rm(folder, { recursive: true, force: true });
    await mkdir(join(folder, 'giver/models'), { recursive: true });
    await symlink(await benchModelPath(), join(folder, 'giver/models/bench.gguf'));
    const nodes = await openMeshNodes({
      nodes: 1,
      contextTokens: 512,
      parallelSequences: 1,
      budgetBytes: 4 * GIB,
      membership: membershipOf(KEY, 0),
      shareDirectory: join(folder, 'giver'),
    });
    const [giver] = nodes;
    if (giver === undefined) throw new Error('no node');
    await giver.ask({ kind: 'up', stages: 1 });
    const taker = await FetchingNode.start({
      directory: join(folder, 'taker'),
      key: Buffer.from(KEY).toString('hex'),
      peers: giver.addresses,
    });
    const fetched: number[] = [];
    try {
      const speeds = await interleave(
        context,
        {
          alone: () => decode(giver),
          async beside(round) {
            const transfer = await taker.fetch();
            const speed = await decode(giver);
            const rate = await transfer.stop();
            if (round >= 0) fetched.push(rate);
            return speed;
          },
        },
        () => giver.cpuMs() + taker.cpuMs(),
      );
      return [
        { name: 'decode alone', unit: 'tokens/s', samples: speeds.alone },
        { name: 'decode beside a transfer', unit: 'tokens/s', samples: speeds.beside },
        { name: 'decode beside / alone', unit: 'x', samples: ratios(speeds.beside, speeds.alone), target: { atLeast: 0.9 } },
        { name: 'the transfer meanwhile', unit: 'MB/s', samples: fetched },
      ];
    } finally {
      await Promise.all([taker, ...nodes].map((node) => node[Symbol.asyncDispose]()));
      await rm(folder, { recursive: true, force: true });
    }
  },
});
