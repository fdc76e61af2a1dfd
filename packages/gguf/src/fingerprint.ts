import { createHash, type Hash } from 'node:crypto';
import { KIB, modelId, type ModelId } from '@pippa/core';
import { openFileSource, type ByteSource } from './byte-source.ts';
import { TruncatedGgufError } from './errors.ts';
import { GGUF_LIMITS } from './limits.ts';
import type { GgufModel, GgufTensor } from './types.ts';

/** Goes in first: a changed recipe gives other ids, never the same ids with another meaning. */
const RECIPE = 'pippa model 1\n';
/** Enough of a tensor to tell fine-tunes apart: training moves all weights of a tensor. */
const SAMPLE_BYTES = KIB;

/**
 * What the model is, whatever its files are called: a digest of the sizes of its files, their headers and a sample from the middle of
 * every tensor. It reads some megabytes of any model, so it says which model this is meant to be, not that every byte of it is right.
 * Throws `UnreadableGgufError`, `TruncatedGgufError` when a file has shrunk since its header was read, or the signal's reason.
 */
export async function modelFingerprint(model: GgufModel, options: { readonly signal?: AbortSignal } = {}): Promise<ModelId> {
  const hash = createHash('sha256').update(RECIPE);
  for (const [index, file] of model.files.entries()) {
    const tensors = model.tensors.filter((tensor) => tensor.file === index);
    const source = await openFileSource(file.path);
    try {
      // Sizes come first, so that no two models run into each other.
      const headerBytes = Math.min(...tensors.map((tensor) => tensor.offset), file.byteLength, GGUF_LIMITS.headerBytes);
      hash.update(`${file.byteLength} ${headerBytes} ${tensors.length}\n`);
      await addBytes(hash, source, file.path, 0, headerBytes);
      for (const tensor of tensors) {
        options.signal?.throwIfAborted();
        await addBytes(hash, source, file.path, ...sampleOf(tensor));
      }
    } finally {
      await source[Symbol.asyncDispose]();
    }
  }
  return modelId(hash.digest('hex'));
}

function sampleOf(tensor: GgufTensor): readonly [offset: number, length: number] {
  const length = Math.min(SAMPLE_BYTES, tensor.byteLength);
  return [tensor.offset + Math.floor((tensor.byteLength - length) / 2), length];
}

async function addBytes(hash: Hash, source: ByteSource, path: string, offset: number, length: number): Promise<void> {
  const bytes = await source.read(offset, length);
  if (bytes.length < length) throw new TruncatedGgufError(`The file ${path} has become shorter while it was read.`);
  hash.update(bytes);
}
