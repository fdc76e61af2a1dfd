import { expect, test } from 'vitest';
import { kvBytesPerToken, memoryEstimate, string, uint32 } from '../src/index.ts';
import type { GgufModel } from '../src/index.ts';

function modelOf(architecture: string, numbers: Readonly<Record<string, number>>): GgufModel {
  const metadata = new Map([
    ['general.architecture', string(architecture)],
    ...Object.entries(numbers).map(([key, value]) => [`${architecture}.${key}`, uint32(value)] as const),
  ]);
  return { files: [], version: 3, alignment: 32, architecture, metadata, tensors: [] };
}

test('five of six gemma3 layers keep no more than their window', () => {
  const model = modelOf('gemma3', {
    block_count: 6,
    embedding_length: 64,
    'attention.head_count': 4,
    'attention.head_count_kv': 1,
    'attention.key_length': 16,
    'attention.value_length': 16,
    'attention.sliding_window': 512,
  });
  const windows = [0, 1, 2, 3, 4, 5].map((layer) => kvBytesPerToken(model, layer).windowTokens);
  expect(windows).toEqual([512, 512, 512, 512, 512, undefined]);
  const stage = { from: 0, to: 6, contextCells: 8192, maxRows: 256 };
  expect(memoryEstimate(model, stage).context).toBe(6 * 8192 * 64);
  expect(memoryEstimate(model, { ...stage, fullSlidingWindow: false }).context).toBe((8192 + 5 * 768) * 64);
});

test('latent attention keeps one compressed key a token', () => {
  const model = modelOf('deepseek2', {
    block_count: 1,
    'attention.head_count': 16,
    'attention.head_count_kv': 1,
    'attention.kv_lora_rank': 512,
    'rope.dimension_count': 64,
    'attention.key_length': 576,
    'attention.value_length': 512,
    'attention.key_length_mla': 192,
    'attention.value_length_mla': 128,
  });
  expect(kvBytesPerToken(model, 0).perToken).toBe(576 * 2);
});

test('recurrent layers take the same for a text of any length, once a sequence', () => {
  const model = modelOf('mamba', {
    block_count: 2,
    embedding_length: 8,
    'ssm.conv_kernel': 4,
    'ssm.inner_size': 16,
    'ssm.state_size': 4,
  });
  expect(kvBytesPerToken(model, 0)).toEqual({ perToken: 0, windowTokens: undefined, perSequence: (3 * 16 + 4 * 16) * 4 });
  const context = memoryEstimate(model, { from: 0, to: 2, contextCells: 4096, parallelSequences: 3, maxRows: 64 }).context;
  expect(context).toBe(2 * 3 * 448);
});
