import { StoppedError, systemClock } from '@pippa/core';
import { z } from 'zod';
import { measureModel } from '../bench/measure-model.ts';
import { implement, type OperationContract, type OperationHandler } from '../control/contract.ts';
import { ringReport, ringReportSchema, type RingOperationParts } from './ring-operations.ts';

export const BENCH_LIMITS = {
  tokens: { least: 2, most: 4096 },
  promptTokens: { least: 16, most: 65_536 },
  rounds: { least: 1, most: 20 },
  /** At once. */
  streams: { least: 1, most: 64 },
  /** How many such numbers. */
  concurrencies: 8,
} as const;

const within = ({ least, most }: { readonly least: number; readonly most: number }) => z.int().min(least).max(most);
const input = z.strictObject({
  model: z.string().min(1).max(512),
  tokens: within(BENCH_LIMITS.tokens),
  promptTokens: within(BENCH_LIMITS.promptTokens),
  rounds: within(BENCH_LIMITS.rounds),
  concurrency: z.array(within(BENCH_LIMITS.streams)).max(BENCH_LIMITS.concurrencies),
});

export const benchFiguresSchema = z.object({
  decodeRate: z.number(),
  prefillRate: z.number(),
  firstTokenMs: z.object({ p50: z.number(), p99: z.number() }),
  networkShare: z.number().optional(),
  concurrency: z.array(z.object({ streams: z.int(), rate: z.number() })).readonly(),
  tokens: z.int(),
  promptTokens: z.int(),
});
const result = z.object({
  figures: benchFiguresSchema,
  /** What was measured. */
  ring: ringReportSchema,
  /** Other rings of the model that were up at the end: they had their part of the streams. */
  otherRings: z.int(),
});
const progress = z.object({ fraction: z.number(), message: z.string() });

/** Measures a model on the ring that it runs on; one is brought up if there is none. */
export const benchOperation: OperationContract<typeof input, typeof result, typeof progress> = {
  name: 'bench',
  input,
  result,
  event: progress,
};

export function benchOperations({ node, models }: RingOperationParts): readonly OperationHandler[] {
  return [
    implement(benchOperation, async ({ model, ...plan }, { emit, signal }) => {
      const named = models.find(model);
      await node.bringUp(named, { signal }, {});
      const figures = await measureModel(node.generatorFor(named), plan, {
        vocabularySize: (await node.manifest(named, signal)).vocabularySize,
        nowMs: systemClock.nowMs,
        random: Math.random,
        onProgress: (fraction, message) => emit({ fraction, message }),
        signal,
      });
      const rings = node.router.rings().filter(({ card }) => card.model === named.id && card.state !== 'loading');
      const measured = rings.find(({ card }) => card.isCopy !== true) ?? rings[0];
      if (measured === undefined) throw new StoppedError(`${named.name} went down as soon as it was measured.`);
      return { figures, ring: ringReport(node, measured), otherRings: rings.length - 1 };
    }),
  ];
}
