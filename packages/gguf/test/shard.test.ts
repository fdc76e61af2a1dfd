import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tinyArchitectures, writeTinyArchitecture, writeTinyModel } from '@pippa/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  architectureRule,
  arrayOf,
  encodeGgufHeader,
  getPerLayer,
  getString,
  kvBytesPerToken,
  describeModel,
  memoryEstimate,
  planShard,
  readGgufModel,
  splittableArchitectures,
  string,
  uint32,
  writeShardFile,
} from '../src/index.ts';
import type { ArchitectureRule, GgufValue } from '../src/index.ts';

const RULE: ArchitectureRule = { architecture: 'llama', cuts: () => [1, 2, 3], metadata: () => new Map() };
const WIDTH = 32;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-gguf-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Every tensor's bytes are its index plus one, so that a wrong place shows. */
async function writeModel(
  name: string,
  tensorNames: readonly string[],
  extra: readonly [string, GgufValue][] = [],
): Promise<string> {
  const metadata: [string, GgufValue][] = [
    ['general.architecture', string('llama')],
    ['llama.block_count', uint32(4)],
    ['llama.embedding_length', uint32(WIDTH)],
    ['llama.attention.head_count', uint32(4)],
    ['llama.attention.head_count_kv', arrayOf('uint32', [1, 2, 3, 4])],
    ['tokenizer.ggml.model', string('gpt2')],
    ...extra,
  ];
  const header = encodeGgufHeader({
    metadata,
    tensors: tensorNames.map((tensor) => ({ name: tensor, dimensions: [WIDTH, 64], type: 0 })),
  });
  const bytes = new Uint8Array(header.dataOffset + header.dataByteLength);
  bytes.set(header.bytes);
  header.tensorOffsets.forEach((offset, index) =>
    bytes.fill(index + 1, header.dataOffset + offset, header.dataOffset + offset + WIDTH * 64 * 4),
  );
  const path = join(directory, name);
  await writeFile(path, bytes);
  return path;
}

const LAYERS = [0, 1, 2, 3].map((layer) => `blk.${layer}.attn_q.weight`);
const TIED = ['token_embd.weight', 'output_norm.weight', ...LAYERS, 'rope_freqs.weight'];

test('a middle shard has its layers from 0, its slice of per-layer metadata and a dummy vocabulary', async () => {
  const model = await readGgufModel(await writeModel('m.gguf', TIED));
  const path = join(directory, 'shard.gguf');
  await writeShardFile(planShard(model, 1, 3, RULE), model, path);
  const shard = await readGgufModel(path);
  expect(getPerLayer(shard.metadata, 'llama.attention.head_count_kv', 2)).toEqual([2, 3]);
  expect(getString(shard.metadata, 'tokenizer.ggml.model')).toBe('none');
  expect(shard.tensors.map((tensor) => tensor.name).sort()).toEqual(
    ['blk.0.attn_q.weight', 'blk.1.attn_q.weight', 'output_norm.weight', 'rope_freqs.weight', 'token_embd.weight'].sort(),
  );
  const bytes = await readFile(path);
  const firstByte = (name: string): number | undefined => bytes[shard.tensors.find((tensor) => tensor.name === name)?.offset ?? -1];
  expect(firstByte('blk.0.attn_q.weight')).toBe(4);
  expect(firstByte('rope_freqs.weight')).toBe(7);
  expect(firstByte('token_embd.weight')).toBe(0);
});

test('the last shard of a tied model keeps the real embedding', async () => {
  const model = await readGgufModel(await writeModel('m.gguf', TIED));
  const embedding = planShard(model, 3, 4, RULE).tensors.find((tensor) => tensor.name === 'token_embd.weight');
  expect(embedding?.source?.name).toBe('token_embd.weight');
});

test('a cut that the rule does not know is refused', async () => {
  const model = await readGgufModel(await writeModel('m.gguf', TIED));
  expect(() => planShard(model, 0, 2, { ...RULE, cuts: () => [1] })).toThrow(expect.objectContaining({ code: 'cut_not_allowed' }));
});

test('tensors are written as their bytes become available, in whatever order', async () => {
  const model = await readGgufModel(await writeModel('m.gguf', TIED));
  const shard = planShard(model, 1, 3, RULE);
  const [whole, asTheyCame] = ['whole.gguf', 'came.gguf'].map((name) => join(directory, name)) as [string, string];
  await writeShardFile(shard, model, whole);
  const waiting: (() => void)[] = [];
  const written = writeShardFile(shard, model, asTheyCame, {
    available: () => new Promise((resolve) => void waiting.push(resolve)),
    // The last that was asked for comes first, each after the one before is written.
    onProgress: () => waiting.pop()?.(),
  });
  while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
  waiting.pop()?.();
  await written;
  expect((await readFile(asTheyCame)).equals(await readFile(whole))).toBe(true);
});

test('a write ends with what keeps bytes from coming, and leaves nothing behind', async () => {
  const model = await readGgufModel(await writeModel('m.gguf', TIED));
  const write = writeShardFile(planShard(model, 1, 3, RULE), model, join(directory, 'shard.gguf'), {
    available: () => Promise.reject(new Error('nobody has it')),
  });
  await expect(write).rejects.toThrow('nobody has it');
  expect(await readdir(directory)).toEqual(['m.gguf']);
});

test('an aborted write leaves nothing behind', async () => {
  const model = await readGgufModel(await writeModel('m.gguf', TIED));
  const abort = new AbortController();
  const write = writeShardFile(planShard(model, 0, 1, RULE), model, join(directory, 'shard.gguf'), {
    onProgress: () => abort.abort(new Error('enough')),
    signal: abort.signal,
  });
  await expect(write).rejects.toThrow('enough');
  expect(await readdir(directory)).toEqual(['m.gguf']);
});

test('a split model is read from any of its parts, and a part that is missing or misnamed is told', async () => {
  const split = (number: number): [string, GgufValue][] => [
    ['split.count', uint32(2)],
    ['split.no', uint32(number)],
    ['split.tensors.count', uint32(3)],
  ];
  const first = await writeModel('m-00001-of-00002.gguf', LAYERS.slice(0, 2), split(0));
  await expect(readGgufModel(first)).rejects.toMatchObject({ code: 'missing_split' });
  const second = await writeModel('m-00002-of-00002.gguf', LAYERS.slice(2, 3), split(1));
  expect((await readGgufModel(second)).tensors.map((tensor) => tensor.file)).toEqual([0, 0, 1]);
  await writeModel('m-00002-of-00002.gguf', LAYERS.slice(2, 3), split(0));
  await expect(readGgufModel(first)).rejects.toMatchObject({ code: 'missing_split' });
  await writeModel('m-00002-of-00002.gguf', LAYERS.slice(2, 4), split(1));
  await expect(readGgufModel(first)).rejects.toMatchObject({ code: 'corrupt_gguf' });
});

test('keys and values are counted by the layer and the type of the cache', async () => {
  const model = await readGgufModel(await writeModel('m.gguf', TIED));
  expect(kvBytesPerToken(model, 1).perToken).toBe(2 * (8 + 8) * 2);
  expect(kvBytesPerToken(model, 3, { keyType: 'q8_0' }).perToken).toBe(34 + 64);
});

const CUTTABLE = tinyArchitectures.filter((architecture) => splittableArchitectures.includes(architecture));

test.each(['an untied llama', ...CUTTABLE])(
  'the memory estimate of %s counts every tensor of a shard, stand-ins too but those that nobody touches',
  async (name) => {
    const path = join(directory, 'model.gguf');
    if (name === 'an untied llama') await writeTinyModel(path, { layers: 12 });
    else await writeTinyArchitecture(path, name, { layers: 12 });
    const model = await readGgufModel(path);
    const rule = architectureRule(model);
    const boundaries = [0, ...rule.cuts(model), 12];
    for (const [index, from] of boundaries.slice(0, -1).entries()) {
      const to = boundaries[index + 1] as number;
      const shard = planShard(model, from, to, rule);
      const estimate = memoryEstimate(model, { from, to, contextCells: 64, maxRows: 64 });
      // Where the head is always the embedding, the engine makes a copy of it on the first stage.
      const copied = from === 0 && rule.head === 'tied' ? describeModel(model).inputBytes : 0;
      const untouched = [...(from === 0 ? ['output.weight'] : []), ...(to === 12 ? ['token_embd.weight'] : [])];
      const touched = shard.tensors.filter(({ name, source }) => source !== undefined || !untouched.includes(name));
      expect(estimate.weights).toBe(touched.reduce((sum, tensor) => sum + tensor.byteLength, copied));
    }
  },
);
