import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { DEFAULT_ALIGNMENT, encodeGgufHeader, isArray, string, uint32 } from './encode.ts';
import { CutNotAllowedError } from './errors.ts';
import { hasTiedHead, layerCount, tensorLayer } from './layout.ts';
import { getUnsigned } from './metadata.ts';
import { DUMMY_VOCABULARY_SIZE, headOfFirst, standInFor, usesTensor } from './stand-ins.ts';
import { tensorBytes } from './tensor-types.ts';
import { sliceArray } from './values.ts';
import type { ArchitectureRule, GgufModel, GgufTensor, GgufValue } from './types.ts';

/** Arrays that a model with as many layers would have by chance: the sections of multi-axis RoPE (4). */
const NOT_PER_LAYER = /\.rope\.dimension_sections$/;

export interface ShardTensor {
  readonly name: string;
  readonly byteLength: number;
  /** Position in the shard's data section. */
  readonly offset: number;
  /** Where its bytes lie in the model; left out for dummies, which are zeros. */
  readonly source?: GgufTensor;
}

/** A layer range as a small GGUF of its own. */
export interface Shard {
  readonly from: number;
  readonly to: number;
  readonly header: Uint8Array;
  readonly tensors: readonly ShardTensor[];
  /** Where the data section starts: the length of `header`. */
  readonly dataOffset: number;
  /** Header, data and padding. */
  readonly byteLength: number;
}

/**
 * Plans the shard `[from, to)`: same metadata with fewer layers, tensors renamed to begin at layer 0, dummies for what the stage
 * does not use but llama.cpp insists on. All layers need no shard: the model's own files are one. Throws `CutNotAllowedError`.
 */
export function planShard(model: GgufModel, from: number, to: number, rule: ArchitectureRule): Shard {
  const layers = layerCount(model);
  checkCuts(model, from, to, layers, rule);
  const metadata = shardMetadata(model, from, to, layers, rule);
  const planned = shardTensors(model, from, to, layers, rule.head);
  const encoded = encodeGgufHeader({ metadata, tensors: planned, alignment: DEFAULT_ALIGNMENT });
  const tensors = planned.map(({ name, source, type, dimensions }, index): ShardTensor => {
    const place = { name, byteLength: tensorBytes(type, dimensions), offset: encoded.tensorOffsets[index] as number };
    return source === undefined ? place : { ...place, source };
  });
  return {
    from,
    to,
    header: encoded.bytes,
    tensors,
    dataOffset: encoded.dataOffset,
    byteLength: encoded.bytes.length + encoded.dataByteLength,
  };
}

function checkCuts(model: GgufModel, from: number, to: number, layers: number, rule: ArchitectureRule): void {
  const cuts = rule.cuts(model);
  if (!(from >= 0 && from < to && to <= layers))
    throw new CutNotAllowedError(`There is no layer range ${from} to ${to} in a model of ${layers} layers.`);
  for (const boundary of [from, to]) {
    if (boundary !== 0 && boundary !== layers && !cuts.includes(boundary)) {
      throw new CutNotAllowedError(
        cuts.length === 0
          ? `This ${model.architecture} model cannot be cut at all.`
          : `This ${model.architecture} model cannot be cut before layer ${boundary}. Allowed: ${cuts.join(', ')}.`,
      );
    }
  }
}

function shardMetadata(model: GgufModel, from: number, to: number, layers: number, rule: ArchitectureRule): Map<string, GgufValue> {
  const { architecture } = model;
  const seesTokens = from === 0 || to === layers;
  const metadata = new Map<string, GgufValue>();
  for (const [key, value] of model.metadata) {
    if (key.startsWith('split.') || key === 'general.alignment') continue;
    if (!seesTokens && key.startsWith('tokenizer.')) continue;
    const perLayer =
      isArray(value) &&
      value.length === layers &&
      key.startsWith(`${architecture}.`) &&
      value.elementType !== 'string' &&
      !NOT_PER_LAYER.test(key);
    metadata.set(key, perLayer ? sliceArray(value, from, to) : value);
  }
  metadata.set(`${architecture}.block_count`, uint32(to - from));
  const dense = getUnsigned(model.metadata, `${architecture}.leading_dense_block_count`);
  if (dense !== undefined)
    metadata.set(`${architecture}.leading_dense_block_count`, uint32(Math.min(to - from, Math.max(0, dense - from))));
  if (!seesTokens) {
    metadata.set('tokenizer.ggml.model', string('none'));
    metadata.set(`${architecture}.vocab_size`, uint32(DUMMY_VOCABULARY_SIZE));
  }
  for (const [key, value] of rule.metadata(model, from, to)) {
    if (value === undefined) metadata.delete(key);
    else metadata.set(key, value);
  }
  return metadata;
}

interface PlannedTensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly type: number;
  readonly source: GgufTensor | undefined;
}

function shardTensors(model: GgufModel, from: number, to: number, layers: number, head: ArchitectureRule['head']): PlannedTensor[] {
  const place = { isFirst: from === 0, isLast: to === layers, isTied: hasTiedHead(model), head };
  const planned: PlannedTensor[] = [];
  const keep = (tensor: GgufTensor, name = tensor.name): void => {
    planned.push({ ...tensor, name, source: tensor });
  };
  for (const tensor of model.tensors) {
    const layer = tensorLayer(tensor.name);
    if (layer !== undefined) {
      if (layer >= from && layer < to) keep(tensor, tensor.name.replace(/^blk\.\d+\./, `blk.${layer - from}.`));
    } else if (usesTensor(tensor.name, place)) {
      keep(tensor);
    } else {
      const standIn = standInFor(tensor, place);
      if (standIn !== undefined) planned.push({ ...standIn, source: undefined });
    }
  }
  const unusedHead = headOfFirst(model, place);
  if (unusedHead !== undefined) planned.push({ ...unusedHead, source: undefined });
  return planned;
}

/**
 * A file name for the shard that changes with the model's header, the range, and the size and time of the model's files: equal keys,
 * equal shards. The time is there because a repaired download has the size and the header of the damaged one. `identity`: what tells the
 * model's bytes apart instead, where the files are still being written.
 */
export async function shardKey(model: GgufModel, shard: Shard, identity?: string): Promise<string> {
  const hash = createHash('sha256').update(shard.header);
  if (identity !== undefined) hash.update(identity);
  else for (const file of model.files) hash.update(`${file.byteLength}:${(await stat(file.path)).mtimeMs}:`);
  return `${hash.digest('hex').slice(0, 32)}-${shard.from}-${shard.to}`;
}
