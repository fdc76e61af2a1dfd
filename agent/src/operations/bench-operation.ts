import { systemClock } from '@pippa/core';
import { z } from 'zod';
import { measureModel } from '../bench/measure-model.ts';
import { implement, type OperationContract, type OperationHandler } from '../control/contract.ts';
import type { RingOperationParts } from './ring-operations.ts';

const input = z.strictObject({
  model: z.string().min(1).max(512),
  tokens: z.int().min(2).max(4096),
  promptTokens: z.int().min(16).max(65_536),
  rounds: z.int().min(1).max(20),
  concurrency: z.array(z.int().min(1).max(64)).max(8),
});

export const benchFiguresSchema = z.object({
  decodeRate: z.number(),
  prefillRate: z.number(),
  firstTokenMs: z.object({ p50: z.number(), p99: z.number() }),
  networkShare: z.number().optional(),
  concurrency: z.array(z.object({ streams: z.int(), rate: z.number() })).readonly(),
});
const progress = z.object({ fraction: z.number(), message: z.string() });

/** Measures a model on the ring that it runs on; one is brought up if there is none. */
export const benchOperation: OperationContract<typeof input, typeof benchFiguresSchema, typeof progress> = {
  name: 'bench',
  input,
  result: benchFiguresSchema,
  event: progress,
};

export function benchOperations({ node, models }: RingOperationParts): readonly OperationHandler[] {
  return [
    implement(benchOperation, async ({ model, ...plan }, { emit, signal }) => {
      const named = models.find(model);
      await node.bringUp(named, { signal }, {});
      return measureModel(node.generatorFor(named), plan, {
        vocabularySize: await node.vocabularySize(named, signal),
        nowMs: systemClock.nowMs,
        random: Math.random,
        onProgress: (fraction, message) => emit({ fraction, message }),
        signal,
      });
    }),
  ];
}
