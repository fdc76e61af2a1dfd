import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventEmitter } from 'node:events';
import {
  DEFAULT_SAMPLER_SETTINGS,
  slot,
  type StageRunner,
  type StageRunnerOutput,
  type Step,
  type StepResult,
  type WayTrouble,
} from '@pippa/core';
import { connectDirect, openDirect } from '@pippa/direct';
import { architectureRule, planShard, readGgufModel, writeShardFile } from '@pippa/gguf';
import { decodeResult, encodeStep } from '@pippa/protocol';
import { writeTinyModel } from '@pippa/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { loadStageRunner, openLocalChain } from '../src/index.ts';
import { stageOptions } from './stage-options.ts';

const LAYERS = 8;
const CUTS = [0, 3, 5, LAYERS];
const PROMPT = [5, 9, 2, 7];
const EPOCH = 4;

let folder: string;
let paths: string[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pippa-ways-'));
  const modelPath = join(folder, 'tiny.gguf');
  await writeTinyModel(modelPath, { layers: LAYERS, quantisation: 'q4_0' });
  const model = await readGgufModel(modelPath);
  paths = [];
  for (const [index, from] of CUTS.slice(0, -1).entries()) {
    const path = join(folder, `shard-${index}.gguf`);
    await writeShardFile(planShard(model, from, CUTS[index + 1] as number, architectureRule(model)), model, path);
    paths.push(path);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const options = () => paths.map((path, index) => stageOptions(path, CUTS[index] as number, CUTS[index + 1] as number, LAYERS));

function decodeStepOf(id: number, tokens: readonly number[], from: number, epoch = EPOCH): Step {
  return {
    id,
    epoch,
    memory: [],
    samplers:
      from > 0
        ? []
        : [
            {
              kind: 'open',
              slot: slot(0),
              settings: { ...DEFAULT_SAMPLER_SETTINGS, seed: 7 },
              history: Int32Array.from(tokens),
              generatedTokens: 0,
            },
          ],
    slots: new Int32Array(tokens.length),
    positions: Int32Array.from(tokens, (_, index) => from + index),
    tokens: Int32Array.from(tokens),
    outputs: [{ row: tokens.length - 1, slot: slot(0), logprobs: -1 }],
  };
}

/** What a chain of stages makes of a prompt. */
async function generate(submit: (step: Step) => Promise<StepResult>, count: number): Promise<number[]> {
  const tokens: number[] = [];
  let next = await submit(decodeStepOf(1, PROMPT, 0));
  while (tokens.length < count) {
    tokens.push(next.samples[0]?.token ?? -1);
    next = await submit(decodeStepOf(1 + tokens.length, [tokens.at(-1) as number], PROMPT.length + tokens.length - 1));
  }
  return tokens;
}

interface Watched {
  readonly runner: StageRunner;
  readonly outputs: StageRunnerOutput[];
  readonly events: EventEmitter<{ trouble: [WayTrouble]; output: [StageRunnerOutput] }>;
}

async function load(index: number): Promise<Watched> {
  const runner = await loadStageRunner(options()[index] as ReturnType<typeof stageOptions>);
  onTestFinished(() => runner[Symbol.asyncDispose]());
  const watched: Watched = { runner, outputs: [], events: new EventEmitter() };
  runner.onOutput((output) => {
    watched.outputs.push(output);
    watched.events.emit('output', output);
  });
  runner.ways?.onTrouble((trouble) => watched.events.emit('trouble', trouble));
  return watched;
}

async function link(
  from: Watched,
  to: Watched,
  more: { readonly copies?: boolean; readonly heldBelow?: number } = {},
): Promise<void> {
  const offer = await to.runner.ways?.take({ epoch: EPOCH, activations: 'f32', firstStep: 1 });
  if (offer === undefined) throw new Error('no offer');
  const handed = await from.runner.ways?.hand(offer, { epoch: EPOCH, activations: 'f32', copies: false, heldBelow: 0, ...more });
  expect(handed).toBe(true);
}

describe('stages linked by direct ways', () => {
  it('give the text of stages linked in one process, and leave the threads that drive them alone', async () => {
    const [first, second, third] = [await load(0), await load(1), await load(2)];
    await link(second, third);
    await link(first, second, { copies: true });
    const waiting: ((result: StepResult) => void)[] = [];
    const results = await openDirect({ maxFrameBytes: 100_000, onFrame: (frame) => waiting.shift()?.(decodeResult(frame)) });
    onTestFinished(() => results.close());
    await third.runner.ways?.hand(results.offer, { epoch: EPOCH, activations: 'f32', copies: false, heldBelow: 0 });

    const tokens = await generate(
      (step) =>
        new Promise((resolve) => {
          waiting.push(resolve);
          first.runner.submit(step, undefined, []);
        }),
      12,
    );

    const chain = await openLocalChain(options());
    onTestFinished(() => chain[Symbol.asyncDispose]());
    expect(tokens).toEqual(await generate((step) => chain.submit(step), 12));
    expect(second.outputs).toHaveLength(0);
    expect(third.outputs).toHaveLength(0);
    // Copies for the journal, one a step.
    expect(first.outputs.map((output) => output.kind === 'hidden' && output.delivered)).toEqual(Array<boolean>(13).fill(true));
    expect(second.runner.ways?.steps).toBe(13);
  });

  it('keep steps to themselves that are only to bring caches back', async () => {
    const [first, second] = [await load(0), await load(1)];
    await link(first, second, { heldBelow: 5 });
    first.runner.submit(decodeStepOf(4, PROMPT, 0), undefined, []);
    await once(first.events, 'output');
    expect(first.outputs).toMatchObject([{ kind: 'hidden', step: { id: 4 } }]);
    expect(second.runner.ways?.steps).toBe(0);
  });

  it('say who sent what is no step, and take steps the other way from then on', async () => {
    const [first, second] = [await load(0), await load(1)];
    const offer = await second.runner.ways?.take({ epoch: EPOCH, activations: 'f32', firstStep: 1 });
    const stranger = offer === undefined ? undefined : await connectDirect(offer, 5000);
    const trouble = once(second.events, 'trouble');
    stranger?.send(new Uint8Array(100).fill(9));
    expect(await trouble).toMatchObject([{ way: 'in', epoch: EPOCH, code: 'protocol_error' }]);
    expect((await stranger?.closed)?.code).toBe('stream_lost');

    first.runner.submit(decodeStepOf(1, PROMPT, 0), undefined, []);
    const [hidden] = (await once(first.events, 'output')) as [Extract<StageRunnerOutput, { kind: 'hidden' }>];
    second.runner.submit(hidden.step, hidden.hidden, hidden.timings);
    expect(await once(second.events, 'output')).toMatchObject([{ kind: 'hidden', step: { id: 1 } }]);
  });

  it('drop steps of another epoch, and tell when the neighbour is gone', async () => {
    const second = await load(1);
    const offer = await second.runner.ways?.take({ epoch: EPOCH, activations: 'f32', firstStep: 1 });
    const sender = offer === undefined ? undefined : await connectDirect(offer, 5000);
    const activations = new Uint8Array(PROMPT.length * second.runner.info.embeddingLength * 4);
    sender?.send(encodeStep(decodeStepOf(1, PROMPT, 0, EPOCH - 1), { activations }));
    sender?.send(encodeStep(decodeStepOf(1, PROMPT, 0, EPOCH), { activations }));
    expect(await once(second.events, 'output')).toMatchObject([{ step: { id: 1, epoch: EPOCH } }]);
    const trouble = once(second.events, 'trouble');
    sender?.close();
    expect(await trouble).toMatchObject([{ way: 'in', epoch: EPOCH, code: 'stream_lost' }]);
  });

  it('say so when nobody can be reached at the offer', async () => {
    const first = await load(0);
    const door = await openDirect({ maxFrameBytes: 1000, onFrame: () => {} });
    door.close();
    const options = { epoch: EPOCH, activations: 'f32', copies: false, heldBelow: 0 } as const;
    expect(await first.runner.ways?.hand(door.offer, options)).toBe(false);
    first.runner.submit(decodeStepOf(1, PROMPT, 0), undefined, []);
    expect(await once(first.events, 'output')).toMatchObject([{ kind: 'hidden' }]);
  });
});
