import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIB, modelId, stageWorkingParts } from '@pippa/core';
import {
  architectureRule,
  manifestOf,
  memoryEstimate,
  planShard,
  readGgufModel,
  splittableArchitectures,
  writeShardFile,
} from '@pippa/gguf';
import { writeTinyArchitecture } from '@pippa/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { StageOptions } from '../src/index.ts';
import { stageOptions } from './stage-options.ts';
import { STAGE_MARK } from './support/print-buffers.ts';

const LAYERS = 14;
const SHAPE = { contextCells: 4096, parallelSequences: 4, maxRows: 256 };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pippa-memory-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Bytes by the engine's log. */
interface Reported {
  readonly context: number;
  readonly buffer: number;
  readonly logits: number;
}

/** What the engine's log says of each stage's buffers. */
async function reportedBuffers(stages: readonly StageOptions[]): Promise<readonly Reported[]> {
  const script = join(import.meta.dirname, 'support/print-buffers.ts');
  // A file: the engine loses what a full pipe does not take.
  const path = join(folder, 'engine.log');
  const file = await open(path, 'w');
  const child = spawn(process.execPath, [script, JSON.stringify(stages)], { stdio: ['ignore', 'ignore', file.fd] });
  const [code] = await once(child, 'exit');
  await file.close();
  expect(code).toBe(0);
  const stderr = await readFile(path, 'utf8');
  const sum = (log: string, pattern: RegExp): number =>
    [...log.matchAll(pattern)].reduce((total, [, mebibytes]) => total + Number(mebibytes) * MIB, 0);
  return stderr
    .split(STAGE_MARK)
    .slice(1)
    .map((log) => ({
      context: sum(log, / (?:KV|RS) buffer size = +([\d.]+) MiB/g),
      buffer: sum(log, /sched_reserve: .*compute buffer size = +([\d.]+) MiB/g),
      logits: sum(log, / output buffer size = +([\d.]+) MiB/g),
    }));
}

/** The log has two digits after the point. */
const PRECISION = 0.01 * MIB;

test.each(splittableArchitectures)(
  'the estimate of %s covers what the engine says it takes, and little more',
  async (architecture) => {
    const path = join(folder, `${architecture}.gguf`);
    await writeTinyArchitecture(path, architecture, { layers: LAYERS });
    const model = await readGgufModel(path);
    const rule = architectureRule(model);
    const manifest = manifestOf(model, { name: architecture, id: modelId('0'.repeat(64)) });
    const cuts = rule.cuts(model);
    const [first = 0, second = 0] = [cuts[0], cuts.at(-1)];
    const ranges = [[0, LAYERS], [second, LAYERS], ...(second > first ? [[first, second]] : [])] as [number, number][];
    const stages: StageOptions[] = [];
    for (const [from, to] of ranges) {
      const isWhole = from === 0 && to === LAYERS;
      const file = isWhole ? path : join(folder, `${architecture}-${from}-${to}.gguf`);
      if (!isWhole) await writeShardFile(planShard(model, from, to, rule), model, file);
      stages.push({
        ...stageOptions(file, from, to, LAYERS),
        ...SHAPE,
        hiddenStateName: rule.hiddenStateName ?? 'l_out',
        ...(rule.hiddenInputName === undefined ? {} : { hiddenInputName: rule.hiddenInputName }),
        recurrent: rule.recurrent ?? false,
        positionsPerToken: rule.positionsPerToken ?? 1,
      });
    }
    const reported = await reportedBuffers(stages);
    expect(reported).toHaveLength(ranges.length);
    for (const [index, [from, to]] of ranges.entries()) {
      const { context, buffer, logits } = reported[index] as Reported;
      const estimate = memoryEstimate(model, { from, to, ...SHAPE });
      const parts = stageWorkingParts({
        ...SHAPE,
        isFirst: from === 0,
        isLast: to === LAYERS,
        embeddingLength: manifest.embeddingLength,
        feedForwardLength: Math.max(...manifest.layers.slice(from, to).map((layer) => layer.feedForwardLength)),
        attentionMasks: manifest.attentionMasks,
        vocabularySize: manifest.vocabularySize,
      });
      const place = `layers ${from} to ${to}`;
      expect(Math.abs(estimate.context - context), place).toBeLessThan(2 * PRECISION);
      // Short ranges need less: masks make way for the feed-forward of the last layer.
      expect(buffer, place).toBeLessThan(1.06 * parts.buffer);
      expect(buffer, place).toBeGreaterThan((to - from > 4 ? 0.8 : 0.5) * parts.buffer);
      if (to === LAYERS) expect(Math.abs(logits - parts.logits), place).toBeLessThan(PRECISION);
    }
  },
);
