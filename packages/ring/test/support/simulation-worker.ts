/** A thread that plays rounds and tells of each. */
import { parentPort, workerData } from 'node:worker_threads';
import type { RoundsOrder } from './play-rounds.ts';
import { simulateRound } from './simulation.ts';

// What goes wrong is told in words; who wants stacks plays the round alone.
Error.stackTraceLimit = 0;
const { first, step, end, hasLatency } = workerData as RoundsOrder;
for (let seed = first; seed < end; seed += step) parentPort?.postMessage(await simulateRound(seed, hasLatency));
