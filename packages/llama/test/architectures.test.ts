import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { slot, type Step } from '@pippa/core';
import { architectureRule, planShard, readGgufModel, splittableArchitectures, writeShardFile } from '@pippa/gguf';
import { writeTinyArchitecture } from '@pippa/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stage } from '../src/index.ts';
import { stageOptions } from './stage-options.ts';

/** Enough for two whole periods of the longest window pattern (6) and a rest. */
const LAYERS = 14;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pippa-architectures-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Row = readonly [slot: number, position: number, token: number];
function step(id: number, rows: readonly Row[], outputRows: readonly number[]): Step {
  return {
    id,
    epoch: 0,
    memory: [],
    samplers: [],
    slots: Int32Array.from(rows, ([index]) => index),
    positions: Int32Array.from(rows, ([, position]) => position),
    tokens: Int32Array.from(rows, ([, , token]) => token),
    outputs: outputRows.map((row) => ({ row, slot: slot((rows[row] as Row)[0]), logprobs: -1 })),
  };
}
const chunk = (index: number, from: number, length: number): Row[] =>
  Array.from({ length }, (_, offset) => [index, from + offset, 3 + (((from + offset) * 37 + index * 11) % 300)] as const);

/** Prompts longer than the tiny models' window, decoding, then a prompt's chunk together with others' decoding. */
const STEPS: readonly Step[] = [
  step(1, chunk(0, 0, 20), [19]),
  step(2, chunk(1, 0, 9), [8]),
  step(3, [[0, 20, 44]], [0]),
  step(4, [...chunk(2, 0, 12), [0, 21, 12], [1, 9, 90]], [12, 13]),
  step(5, [...chunk(2, 12, 5), [0, 22, 13], [1, 10, 91]], [4, 5, 6]),
  step(
    6,
    [
      [0, 23, 7],
      [1, 11, 8],
      [2, 17, 9],
    ],
    [0, 1, 2],
  ),
];

/** The logits of every output of every step, in order. */
function run(stages: readonly Stage[]): Float32Array[] {
  const logits: Float32Array[] = [];
  try {
    for (const each of STEPS) {
      let hidden: Float32Array | undefined;
      for (const stage of stages) {
        const produced = stage.run(each, hidden);
        hidden = produced.kind === 'hidden' ? produced.hidden : undefined;
      }
      for (const { row } of each.outputs) logits.push((stages.at(-1) as Stage).logits(row).slice());
    }
  } finally {
    for (const stage of stages) stage[Symbol.dispose]();
  }
  return logits;
}

/** Every boundary on its own, a split in three, and all boundaries at once. */
function splits(cuts: readonly number[]): number[][] {
  const third = [cuts[Math.floor(cuts.length / 3)], cuts[Math.floor((2 * cuts.length) / 3)]] as number[];
  return [...cuts.map((cut) => [cut]), ...(cuts.length > 2 ? [third] : []), [...cuts]];
}

const bits = (logits: Float32Array): Uint8Array => new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength);

describe('cut models give the bits of the whole model', () => {
  it.each(splittableArchitectures)('%s', async (architecture) => {
    const path = join(folder, `${architecture}.gguf`);
    await writeTinyArchitecture(path, architecture, { layers: LAYERS });
    const model = await readGgufModel(path);
    const rule = architectureRule(model);
    const recurrent = rule.recurrent ?? false;
    const whole = run([new Stage({ ...stageOptions(path, 0, LAYERS, LAYERS), recurrent })]);
    expect(whole.every((logits) => logits.every(Number.isFinite) && new Set(logits).size > 100)).toBe(true);
    const cuts = rule.cuts(model);
    expect(cuts.length).toBeGreaterThan(1);
    for (const split of splits(cuts)) {
      const boundaries = [0, ...split, LAYERS];
      const stages: Stage[] = [];
      for (const [index, from] of boundaries.slice(0, -1).entries()) {
        const to = boundaries[index + 1] as number;
        const shard = join(folder, `${architecture}-${from}-${to}.gguf`);
        await writeShardFile(planShard(model, from, to, rule), model, shard);
        stages.push(
          new Stage({
            ...stageOptions(shard, from, to, LAYERS),
            hiddenStateName: rule.hiddenStateName ?? 'l_out',
            positionsPerToken: rule.positionsPerToken ?? 1,
            recurrent,
            ...(rule.hiddenInputName === undefined ? {} : { hiddenInputName: rule.hiddenInputName }),
          }),
        );
      }
      const parts = run(stages);
      for (const [index, logits] of whole.entries())
        expect(
          Buffer.compare(bits(parts[index] as Float32Array), bits(logits)),
          `cut at ${split.join(', ')}, output ${index}`,
        ).toBe(0);
    }
  });
});

it.each(['gemma2', 'qwen3next', 'qwen35moe'])('carries and copies the state of %s with the same bits', async (architecture) => {
  const path = join(folder, `${architecture}-state.gguf`);
  await writeTinyArchitecture(path, architecture, { layers: 8 });
  const { recurrent = false } = architectureRule(await readGgufModel(path));
  const open = (): Stage => new Stage({ ...stageOptions(path, 0, 8, 8), recurrent });
  const [there, here] = [open(), open()];
  there.run(step(1, chunk(0, 0, 20), [19]));
  here.run(step(1, chunk(2, 0, 5), [4]));
  here.importSlot(slot(1), there.exportSlot(slot(0)));
  const copy = { kind: 'copy' as const, source: slot(1), target: slot(3), from: 0, to: 20 };
  const expected = logitsAfter(there, step(2, [[0, 20, 44]], [0]));
  expect(logitsAfter(here, { ...step(2, [[3, 20, 44]], [0]), memory: [copy] })).toEqual(expected);
  expect(logitsAfter(here, step(3, [[1, 20, 44]], [0]))).toEqual(expected);
  for (const stage of [there, here]) stage[Symbol.dispose]();
});

function logitsAfter(stage: Stage, each: Step): Float32Array {
  stage.run(each);
  return stage.logits(0).slice();
}

it('refuses to split an architecture that nobody has proven, and runs it whole', async () => {
  const path = join(folder, 'unproven.gguf');
  await writeTinyArchitecture(path, 'internlm2', { layers: 4 });
  const model = await readGgufModel(path);
  expect(() => architectureRule(model)).toThrow(expect.objectContaining({ name: 'NotSplittableError' }));
  expect(run([new Stage(stageOptions(path, 0, 4, 4))])).toHaveLength(11);
});
