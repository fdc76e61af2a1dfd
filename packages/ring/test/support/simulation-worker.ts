/** A thread that plays rounds and tells of each. */
import { parentPort, workerData } from 'node:worker_threads';
import type { RoundsOrder } from './play-rounds.ts';
import { simulateRound } from './simulation.ts';

const { first, step, end } = workerData as RoundsOrder;
for (let seed = first; seed < end; seed += step) parentPort?.postMessage(await simulateRound(seed));
