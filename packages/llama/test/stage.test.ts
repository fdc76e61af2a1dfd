import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { DEFAULT_SAMPLER_SETTINGS, slot, type SamplerSettings, type Slot, type Step, type StepResult } from '@pippa/core';
import { architectureRule, planShard, readGgufModel, writeShardFile } from '@pippa/gguf';
import { writeTinyModel } from '@pippa/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkAbi } from '../src/abi-check.ts';
import {
  computeDevices,
  loadStage,
  openEngine,
  openLocalChain,
  openTokenizer,
  Stage,
  TENSOR_ARRIVAL,
  type StageOptions,
} from '../src/index.ts';
import { stageOptions } from './stage-options.ts';

const LAYERS = 8;
const settings = (more: Partial<SamplerSettings> = {}): SamplerSettings => ({ ...DEFAULT_SAMPLER_SETTINGS, seed: 42, ...more });

let folder: string;
let modelPath: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pippa-llama-'));
  modelPath = join(folder, 'tiny.gguf');
  await writeTinyModel(modelPath, { layers: LAYERS, quantisation: 'q4_0' });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let nextStep = 0;
function step(rows: readonly (readonly [slot: number, position: number, token: number])[], more: Partial<Step> = {}): Step {
  nextStep += 1;
  return {
    id: nextStep,
    epoch: 0,
    memory: [],
    samplers: [],
    slots: Int32Array.from(rows, ([index]) => index),
    positions: Int32Array.from(rows, ([, position]) => position),
    tokens: Int32Array.from(rows, ([, , token]) => token),
    outputs: [],
    ...more,
  };
}
const promptRows = (index: number, tokens: readonly number[], from = 0): (readonly [number, number, number])[] =>
  tokens.map((token, offset) => [index, from + offset, token] as const);
const output = (row: number, index: number, logprobs = -1): Step['outputs'][number] => ({ row, slot: slot(index), logprobs });

/** The shards of the tiny model between the given cuts, as files. */
async function shardOptions(cuts: readonly number[]): Promise<StageOptions[]> {
  const model = await readGgufModel(modelPath);
  const boundaries = [0, ...cuts, LAYERS];
  const options: StageOptions[] = [];
  for (const [index, from] of boundaries.slice(0, -1).entries()) {
    const to = boundaries[index + 1] as number;
    const path = join(folder, `shard-${from}-${to}.gguf`);
    await writeShardFile(planShard(model, from, to, architectureRule(model)), model, path);
    options.push(stageOptions(path, from, to, LAYERS));
  }
  return options;
}

describe('engine', () => {
  it('finds a device and refuses libraries whose structs are not the pinned ones', () => {
    expect(computeDevices().length).toBeGreaterThan(0);
    const engine = openEngine();
    const moved = { ...engine, contextDefaults: () => ({ ...engine.contextDefaults(), n_ubatch: 513 }) };
    expect(() => checkAbi(moved)).toThrow(expect.objectContaining({ name: 'LibraryError' }));
    expect(() => checkAbi({ ...engine, version: () => '9.9.9' })).toThrow(expect.objectContaining({ name: 'LibraryError' }));
  });
});

describe('stages of one model', () => {
  it('give the same bits whoever else has cells, and had, where every slot has its own', () => {
    const tokens = Array.from({ length: 40 }, (_, index) => (index * 7) % 97);
    const logitsOf = (stage: Stage, from: number, to: number): readonly (readonly number[])[] =>
      tokens.slice(from, to).map((token, index) => {
        stage.run(step([[0, from + index, token]], { outputs: [output(0, 0)] }));
        return [...stage.logits(0)];
      });
    const differing = (ownCells: boolean): number => {
      const options = { ...stageOptions(modelPath, 0, LAYERS, LAYERS), contextCells: 1024, ownCells };
      using alone = new Stage(options);
      using shared = new Stage(options);
      shared.run(step(promptRows(1, tokens)));
      const first = logitsOf(shared, 0, 10);
      // What was computed first comes to lie behind what follows.
      shared.run(step(promptRows(2, tokens.slice(0, 3)), { memory: [{ kind: 'remove', slot: slot(1), from: 0, to: -1 }] }));
      const all = [...first, ...logitsOf(shared, 10, tokens.length)];
      const expected = logitsOf(alone, 0, tokens.length);
      return all.filter((logits, position) => logits.some((logit, token) => logit !== expected[position]?.[token])).length;
    };
    expect(differing(true)).toBe(0);
    // Or it would not show anything.
    expect(differing(false)).toBeGreaterThan(0);
  });

  it.each([[[4]], [[3, 5]], [[1, 2, 3, 4, 5, 6, 7]]])('cut at %j give the bits of the whole model', async (cuts) => {
    const whole = new Stage(stageOptions(modelPath, 0, LAYERS, LAYERS));
    const stages = (await shardOptions(cuts)).map((options) => new Stage(options));
    const steps: Step[] = [
      step(promptRows(0, [1, 5, 77, 200, 33]), { outputs: [output(4, 0)] }),
      step([...promptRows(1, [1, 9, 10]), [0, 5, 44]], { outputs: [output(2, 1), output(3, 0)] }),
      step(
        [
          [0, 6, 12],
          [1, 3, 90],
        ],
        { outputs: [output(0, 0), output(1, 1)] },
      ),
      step(
        [
          [2, 3, 8],
          [0, 6, 13],
        ],
        {
          memory: [
            { kind: 'copy', source: slot(1), target: slot(2), from: 0, to: 3 },
            { kind: 'remove', slot: slot(0), from: 6, to: -1 },
          ],
          outputs: [output(0, 2), output(1, 0)],
        },
      ),
    ];
    for (const each of steps) {
      whole.run(each);
      let hidden: Float32Array | undefined;
      for (const stage of stages) {
        const produced = stage.run(each, hidden);
        if (produced.kind === 'hidden') hidden = produced.hidden;
      }
      for (const { row } of each.outputs) expect(stages.at(-1)?.logits(row)).toEqual(whole.logits(row));
    }
    for (const stage of [whole, ...stages]) stage[Symbol.dispose]();
  });

  it('refuse steps out of bounds and stay usable', () => {
    const stage = new Stage(stageOptions(modelPath, 0, LAYERS, LAYERS));
    expect(() => stage.run(step([]))).toThrow(expect.objectContaining({ name: 'DecodeError' }));
    expect(() => stage.run(step(promptRows(0, new Array<number>(65).fill(1))))).toThrow(
      expect.objectContaining({ name: 'DecodeError' }),
    );
    expect(stage.run(step(promptRows(0, [1, 2, 3]), { outputs: [output(2, 0)] })).kind).toBe('samples');
    stage[Symbol.dispose]();
  });

  it('report a file that is no model by name', async () => {
    const broken = join(folder, 'broken.gguf');
    await writeFile(broken, 'GGUF and then nothing');
    expect(() => new Stage(stageOptions(broken, 0, LAYERS, LAYERS))).toThrow(expect.objectContaining({ name: 'ModelLoadError' }));
  });

  it('load from places in other files as they do from a file', async () => {
    const model = await readGgufModel(modelPath);
    const shard = planShard(model, 2, 5, architectureRule(model));
    const [, options] = await shardOptions([2, 5]);
    const fromFile = new Stage(options as StageOptions);
    const fromPlaces = new Stage({
      ...(options as StageOptions),
      source: {
        kind: 'tensors',
        header: shard.header,
        tensors: shard.tensors.map(({ name, byteLength, source }) =>
          source === undefined ? { name, byteLength } : { name, byteLength, place: { path: modelPath, offset: source.offset } },
        ),
      },
    });
    const input = Float32Array.from({ length: 3 * fromFile.info.embeddingLength }, (_, index) => Math.sin(index));
    const produced = [fromFile, fromPlaces].map((stage) => {
      const result = stage.run(step(promptRows(0, [1, 2, 3])), input);
      return result.kind === 'hidden' ? result.hidden : new Float32Array(0);
    });
    // The two ways keep the weights in different layouts: equal up to rounding.
    for (const [index, value] of (produced[0] as Float32Array).entries())
      expect(value).toBeCloseTo(produced[1]?.[index] as number, 3);
    fromFile[Symbol.dispose]();
    fromPlaces[Symbol.dispose]();
  });
});

describe('a stage whose tensors still come', () => {
  async function arriving(): Promise<{ readonly options: StageOptions; tell(state: number): void }> {
    const model = await readGgufModel(modelPath);
    const shard = planShard(model, 2, 5, architectureRule(model));
    const [, options] = await shardOptions([2, 5]);
    const arrivals = new Int32Array(new SharedArrayBuffer(4 * shard.tensors.length));
    const source: StageOptions['source'] = {
      kind: 'tensors',
      header: shard.header,
      tensors: shard.tensors.map(({ name, byteLength, source: from }) =>
        from === undefined ? { name, byteLength } : { name, byteLength, place: { path: modelPath, offset: from.offset } },
      ),
      arrivals,
    };
    const tell = (state: number): void => {
      for (const index of arrivals.keys()) {
        Atomics.store(arrivals, index, state);
        Atomics.notify(arrivals, index);
      }
    };
    return { options: { ...(options as StageOptions), source }, tell };
  }

  it('waits for them', async () => {
    const { options, tell } = await arriving();
    let isLoaded = false;
    const loading = loadStage(options).then((stage) => ((isLoaded = true), stage));
    // Of what does not come nothing can be told; that it is not there before is what can.
    await setImmediate();
    expect(isLoaded).toBe(false);
    tell(TENSOR_ARRIVAL.there);
    const stage = await loading;
    expect(stage.info).toMatchObject({ from: 2, to: 5 });
    await stage[Symbol.asyncDispose]();
  });

  it('fails when they do not come, and ends when nobody wants it any more', async () => {
    const lost = await arriving();
    const failing = loadStage(lost.options);
    lost.tell(TENSOR_ARRIVAL.lost);
    await expect(failing).rejects.toMatchObject({ name: 'ModelLoadError' });
    const reason = new Error('enough');
    const controller = new AbortController();
    const left = loadStage((await arriving()).options, { signal: controller.signal });
    controller.abort(reason);
    await expect(left).rejects.toBe(reason);
  });
});

describe('the state of a slot', () => {
  const continuation = (index: number): Step => step([[index, 5, 44]], { outputs: [output(0, index)] });

  it('goes on in another context with the same bits', async () => {
    const [first, last] = (await shardOptions([4])).map((options) => [new Stage(options), new Stage(options)] as const) as [
      readonly [Stage, Stage],
      readonly [Stage, Stage],
    ];
    const run = (stages: readonly [Stage, Stage], each: Step): Float32Array => {
      const produced = stages[0].run(each);
      stages[1].run(each, produced.kind === 'hidden' ? produced.hidden : undefined);
      return stages[1].logits(each.outputs[0]?.row as number).slice();
    };
    const [there, here] = [[first[0], last[0]] as const, [first[1], last[1]] as const];
    // The neighbours differ: slot 1 here, slot 3 there, where something else was before.
    run(there, step(promptRows(1, [1, 5, 77, 200, 33]), { outputs: [output(4, 1)] }));
    run(here, step(promptRows(3, [1, 2]), { outputs: [output(1, 3)] }));
    for (const [index, stage] of there.entries()) here[index]?.importSlot(slot(3), stage.exportSlot(slot(1)));
    expect(run(here, continuation(3))).toEqual(run(there, continuation(1)));
    for (const stage of [...first, ...last]) stage[Symbol.dispose]();
  });

  it('comes in parts, behind what is there, and goes on with the same bits', () => {
    const [there, here] = [0, 1].map(() => new Stage(stageOptions(modelPath, 0, LAYERS, LAYERS))) as [Stage, Stage];
    const run = (stage: Stage, each: Step): Float32Array => {
      stage.run(each);
      return stage.logits(each.outputs[0]?.row as number).slice();
    };
    run(there, step(promptRows(1, [1, 5, 77, 200, 33]), { outputs: [output(4, 1)] }));
    run(here, step(promptRows(3, [1, 2, 9]), { outputs: [output(2, 3)] }));
    here.importSlot(slot(3), there.exportSlot(slot(1), { from: 0, to: 3 }));
    here.importSlot(slot(3), there.exportSlot(slot(1), { from: 3, to: 4 }), 3);
    here.importSlot(slot(3), there.exportSlot(slot(1), { from: 4, to: 5 }), 4);
    expect(run(here, continuation(3))).toEqual(run(there, continuation(1)));
    for (const stage of [there, here]) stage[Symbol.dispose]();
  });

  it('is refused where it does not belong, and the slot then is empty', () => {
    const stage = new Stage(stageOptions(modelPath, 0, LAYERS, LAYERS));
    stage.run(step(promptRows(0, [1, 5, 77]), { outputs: [output(2, 0)] }));
    const state = stage.exportSlot(slot(0));
    for (const bytes of [state.slice(0, -100), new Uint8Array(64), new Uint8Array(0)])
      expect(() => stage.importSlot(slot(1), bytes)).toThrow(expect.objectContaining({ name: 'SlotStateError' }));
    expect(() => stage.importSlot(slot(4), state)).toThrow(expect.objectContaining({ name: 'SlotStateError' }));
    expect(stage.exportSlot(slot(1)).length).toBe(stage.exportSlot(slot(2)).length);
    stage.importSlot(slot(1), state);
    expect(stage.exportSlot(slot(1)).length).toBe(state.length);
    stage[Symbol.dispose]();
  });

  it('crosses threads', async () => {
    const handle = await loadStage(stageOptions(modelPath, 0, LAYERS, LAYERS));
    const empty = await handle.exportSlot(slot(0));
    await handle.importSlot(slot(1), empty);
    await expect(handle.importSlot(slot(1), new Uint8Array(9))).rejects.toMatchObject({ name: 'SlotStateError' });
    await handle[Symbol.asyncDispose]();
    await expect(handle.exportSlot(slot(0))).rejects.toMatchObject({ name: 'StoppedError' });
  });
});

describe('sampling on the last stage', () => {
  async function generate(options: readonly StageOptions[], sampler: SamplerSettings, count: number): Promise<number[]> {
    const chain = await openLocalChain(options);
    const prompt = Int32Array.from([1, 5, 77, 200, 33]);
    const open = { kind: 'open' as const, slot: slot(0), settings: sampler, history: prompt, generatedTokens: 0 };
    let result: StepResult = await chain.submit(step(promptRows(0, [...prompt]), { samplers: [open], outputs: [output(4, 0)] }));
    const tokens: number[] = [];
    while (tokens.length < count) {
      const token = result.samples[0]?.token as number;
      tokens.push(token);
      result = await chain.submit(step([[0, prompt.length + tokens.length - 1, token]], { outputs: [output(0, 0)] }));
    }
    await chain[Symbol.asyncDispose]();
    return tokens;
  }

  it('gives one text for one seed, whole or over eight threads', async () => {
    const whole = [stageOptions(modelPath, 0, LAYERS, LAYERS)];
    const first = await generate(whole, settings(), 20);
    expect(await generate(whole, settings(), 20)).toEqual(first);
    expect(await generate(await shardOptions([1, 2, 3, 4, 5, 6, 7]), settings(), 20)).toEqual(first);
    expect(await generate(whole, settings({ seed: 43 }), 20)).not.toEqual(first);
  });

  it('obeys grammar, bias, penalties and log probabilities', () => {
    const stage = new Stage(stageOptions(modelPath, 0, LAYERS, LAYERS));
    const sampleWith = (sampler: SamplerSettings, logprobs = -1, index: Slot = slot(0)) => {
      const opened = { kind: 'open' as const, slot: index, settings: sampler, history: new Int32Array(0), generatedTokens: 0 };
      const produced = stage.run(
        step(promptRows(0, [1, 5, 77]), {
          memory: [{ kind: 'remove', slot: slot(0), from: 0, to: -1 }],
          samplers: [opened],
          outputs: [output(2, 0, logprobs)],
        }),
      );
      if (produced.kind !== 'samples') throw new Error('not the last stage');
      return produced;
    };
    const [best] = sampleWith(settings({ temperature: 0 }), 3).samples;
    expect(best?.logprob?.top[0]?.token).toBe(best?.token);
    expect(best?.logprob?.top).toHaveLength(3);
    expect(best?.logprob?.logprob).toBeLessThan(0);
    expect(sampleWith(settings({ temperature: 0, logitBias: [[best?.token as number, -100]] })).samples[0]?.token).not.toBe(
      best?.token,
    );
    expect(sampleWith(settings({ temperature: 0, logitBias: [[300, 100]] })).samples[0]?.token).toBe(300);
    // Byte tokens begin at 3: the grammar allows the letter A alone.
    expect(sampleWith(settings({ grammar: 'root ::= "A"' })).samples[0]?.token).toBe(3 + 'A'.charCodeAt(0));
    // `<s>` would count as three characters and show none to a reader, unless the grammar speaks of it.
    const begin: [number, number][] = [[1, 100]];
    expect(sampleWith(settings({ grammar: 'root ::= [^"]{3,5}', logitBias: begin })).samples[0]?.token).not.toBe(1);
    expect(sampleWith(settings({ grammar: 'root ::= "<s>" | [^"]{3,5}', logitBias: begin })).samples[0]?.token).toBe(1);
    // Where grammar and biases leave nothing, the text ends; the engine would end the process.
    for (const nothing of [{ ignoreEndOfGeneration: true }, { logitBias: [[2, -100]] as [number, number][] }]) {
      const opened = settings({ grammar: 'root ::= "A"', ...nothing });
      const history = Int32Array.of(3 + 'A'.charCodeAt(0));
      const produced = stage.run(
        step(promptRows(0, [1, 5, 77]), {
          memory: [{ kind: 'remove', slot: slot(0), from: 0, to: -1 }],
          samplers: [{ kind: 'open', slot: slot(0), settings: opened, history, generatedTokens: 1 }],
          outputs: [output(2, 0)],
        }),
      );
      expect(produced).toMatchObject({ samples: [{ endOfGeneration: true }] });
    }
    const refused = sampleWith(settings({ grammar: 'root ::= (' }));
    expect(refused.samples).toEqual([]);
    expect(refused.samplerFailures).toEqual([{ slot: 0, message: expect.any(String) }]);
    stage[Symbol.dispose]();
  });
});

describe('tokenizer', () => {
  it('tokenizes in its thread and knows its special tokens', async () => {
    const tokenizer = await openTokenizer(modelPath);
    const tokens = await tokenizer.tokenize('Grüße', { addSpecial: true, parseSpecial: false });
    expect(tokens[0]).toBe(tokenizer.beginOfSequence);
    expect(Buffer.concat([...tokens.subarray(1)].map((token) => tokenizer.piece(token))).toString()).toBe('▁Grüße');
    expect(tokenizer.isEndOfGeneration(2)).toBe(true);
    expect(tokenizer.isControl(300)).toBe(false);
    await tokenizer[Symbol.asyncDispose]();
    await expect(tokenizer.tokenize('x', { addSpecial: false, parseSpecial: false })).rejects.toMatchObject({
      name: 'StoppedError',
    });
  });
});

describe('a stage in a thread', () => {
  it('can be cancelled while it loads', async () => {
    const controller = new AbortController();
    const loading = openLocalChain([stageOptions(modelPath, 0, LAYERS, LAYERS)], {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('changed my mind')),
    });
    await expect(loading).rejects.toThrow('changed my mind');
  });

  it('tells whoever waits when a step fails, and refuses the next', async () => {
    const chain = await openLocalChain([stageOptions(modelPath, 0, LAYERS, LAYERS)]);
    await expect(chain.submit(step(promptRows(0, new Array<number>(65).fill(1))))).rejects.toMatchObject({ name: 'StageError' });
    await expect(chain.submit(step(promptRows(0, [1])))).rejects.toMatchObject({ name: 'StageError' });
    await chain[Symbol.asyncDispose]();
  });
});
