/**
 * A node that fetches a model from another one in the same process until it is killed. Arguments: the folder of the disk; `direct`, where
 * pieces shall come over a direct connection, which threads take in. Prints a line whenever pieces came, and `complete` at the end.
 */
import { systemClock } from '@pippa/core';
import { Disk } from './disk.ts';
import { House } from './house.ts';

const [root = '', way = ''] = process.argv.slice(2);
const direct = way === 'direct' && { host: '127.0.0.1', addresses: () => ['127.0.0.1'] };
const house = new House(Disk.at(root));
// Slow enough that a kill hits the middle of something.
const studio = await house.node('studio', { direct, uploadBytesPerSecond: () => (way === 'direct' ? 20_000_000 : 40_000_000) });
const [card] = studio.store.list();
if (card === undefined) throw new Error('There is no model to fetch.');
await studio.store.prepare(card.id);
const laptop = await house.node('laptop', { direct, unsyncedBytes: 256 * 1024, clock: systemClock });
const present = laptop.store.list()[0]?.presentBytes ?? 0;
process.stdout.write(`began ${present}\n`);
await laptop.store.ensureShard(
  { id: card.id, from: 0, to: card.layerCount },
  { onProgress: ({ doneBytes }) => void process.stdout.write(`has ${doneBytes}\n`) },
);
process.stdout.write('complete\n');
await house.stop();
