import { copyFile, mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelId } from '@pippa/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { arrayOf, encodeGgufHeader, manifestOf, modelFingerprint, readGgufModel, string, uint32 } from '../src/index.ts';
import type { GgufModel, GgufValue, TensorShape } from '../src/index.ts';

const WIDTH = 32;
const VOCABULARY = 64;
const IDENTITY = { name: 'test:F32', id: modelId('0'.repeat(64)) };
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-manifest-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const matrix = (name: string, ...dimensions: number[]): TensorShape => ({ name, dimensions, type: 0 });

async function writeModel(
  file: string,
  architecture: string,
  tensors: readonly TensorShape[],
  extra: readonly [string, GgufValue][] = [],
): Promise<GgufModel> {
  const metadata: [string, GgufValue][] = [
    ['general.architecture', string(architecture)],
    [`${architecture}.block_count`, uint32(2)],
    [`${architecture}.embedding_length`, uint32(WIDTH)],
    [`${architecture}.context_length`, uint32(1000)],
    [`${architecture}.attention.head_count`, uint32(4)],
    [`${architecture}.attention.head_count_kv`, uint32(2)],
    [`${architecture}.vocab_size`, uint32(VOCABULARY)],
    ...extra,
  ];
  const header = encodeGgufHeader({ metadata, tensors });
  const bytes = new Uint8Array(header.dataOffset + header.dataByteLength);
  bytes.set(header.bytes);
  const path = join(directory, file);
  await writeFile(path, bytes);
  return readGgufModel(path);
}

const DENSE = [
  matrix('token_embd.weight', WIDTH, VOCABULARY),
  matrix('blk.0.attn_q.weight', WIDTH, 100),
  matrix('blk.1.attn_q.weight', WIDTH, 100),
  matrix('output_norm.weight', WIDTH),
];

test('a manifest has the layers, their cache, the cuts and what the head takes', async () => {
  const model = await writeModel('m.gguf', 'llama', DENSE, [['llama.feed_forward_length', arrayOf('uint32', [96, 128])]]);
  const embedding = WIDTH * VOCABULARY * 4;
  expect(manifestOf(model, IDENTITY)).toEqual({
    ...IDENTITY,
    architecture: 'llama',
    quantisation: 'F32',
    parameterCount: WIDTH * (VOCABULARY + 201),
    activeParameterCount: WIDTH * (VOCABULARY + 201),
    fileBytes: model.files[0]?.byteLength,
    embeddingLength: WIDTH,
    vocabularySize: VOCABULARY,
    contextLength: 1000,
    layers: [96, 128].map((feedForwardLength) => ({
      weightBytes: WIDTH * 100 * 4,
      contextBytesPerToken: 2 * 16 * 2,
      contextBytesPerSequence: 0,
      feedForwardLength,
    })),
    inputBytes: embedding,
    outputBytes: embedding + WIDTH * 4,
    tiedHead: true,
    attentionMasks: 1,
    otherBytes: 0,
    standInBytes: { first: WIDTH * 4, middle: WIDTH * 4 + 32 * WIDTH * 4, last: 0 },
    cuts: [1],
  });
});

test('of a mixture of experts, those that a token is routed to are active', async () => {
  const tensors = [...DENSE, matrix('blk.0.ffn_up_exps.weight', WIDTH, 8, 16), matrix('blk.1.ffn_up_exps.weight', WIDTH, 8, 16)];
  const model = await writeModel('m.gguf', 'qwen3moe', tensors, [
    ['qwen3moe.expert_count', uint32(16)],
    ['qwen3moe.expert_used_count', uint32(2)],
  ]);
  const manifest = manifestOf(model, IDENTITY);
  expect(manifest.parameterCount - manifest.activeParameterCount).toBe((2 * WIDTH * 8 * 16 * 14) / 16);
});

test('an architecture that is not known for cutting has no cuts', async () => {
  expect(manifestOf(await writeModel('m.gguf', 'unheard-of', DENSE), IDENTITY).cuts).toEqual([]);
});

test('a fingerprint is the same for a copy, and another for other weights, headers and lengths', async () => {
  const model = await writeModel('m.gguf', 'llama', DENSE);
  const original = await modelFingerprint(model);
  expect(original).toMatch(/^[0-9a-f]{64}$/);

  await copyFile(join(directory, 'm.gguf'), join(directory, 'copy.gguf'));
  expect(await modelFingerprint(await readGgufModel(join(directory, 'copy.gguf')))).toBe(original);

  const tuned = await open(join(directory, 'copy.gguf'), 'r+');
  const middle = (model.tensors[2]?.offset ?? 0) + (model.tensors[2]?.byteLength ?? 0) / 2;
  await tuned.write(new Uint8Array([1]), 0, 1, middle);
  await tuned.close();
  const fingerprints = [
    original,
    await modelFingerprint(await readGgufModel(join(directory, 'copy.gguf'))),
    await modelFingerprint(await writeModel('named.gguf', 'llama', DENSE, [['general.name', string('named')]])),
  ];
  await writeFile(join(directory, 'long.gguf'), Buffer.concat([await readFile(join(directory, 'm.gguf')), Buffer.alloc(32)]));
  fingerprints.push(await modelFingerprint(await readGgufModel(join(directory, 'long.gguf'))));
  expect(new Set(fingerprints).size).toBe(4);
});

test('a file that has shrunk since its header was read has no fingerprint, and an aborted one is none', async () => {
  const model = await writeModel('m.gguf', 'llama', DENSE);
  const reason = new Error('enough');
  await expect(modelFingerprint(model, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  await truncate(join(directory, 'm.gguf'), (model.tensors[1]?.offset ?? 0) + 8);
  await expect(modelFingerprint(model)).rejects.toMatchObject({ code: 'truncated_gguf' });
});
