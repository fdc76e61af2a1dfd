import { open } from 'node:fs/promises';
import {
  arrayOf,
  encodeGgufHeader,
  float32,
  string,
  tensorBytes,
  tensorTypeNumber,
  uint32,
  type GgufValue,
  type TensorShape,
} from '@pippa/gguf';

/** Sizes of a random llama-architecture model. Row lengths must be whole blocks of the quantisation (32 for q4_0 and q8_0). */
export interface RandomModelOptions {
  readonly layers: number;
  readonly embeddingLength: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly feedForwardLength: number;
  readonly vocabularySize: number;
  readonly contextLength: number;
  readonly quantisation: 'f32' | 'f16' | 'q8_0' | 'q4_0';
  /** Equal seeds give equal files. */
  readonly seed: number;
  readonly chatTemplate?: string;
}

const TINY: RandomModelOptions = {
  layers: 8,
  embeddingLength: 64,
  heads: 4,
  kvHeads: 2,
  feedForwardLength: 128,
  vocabularySize: 512,
  contextLength: 2048,
  quantisation: 'q8_0',
  seed: 1,
};

/** About 1.1 billion weights in Q4_0: what the benchmarks run on. */
const BENCH: RandomModelOptions = {
  layers: 22,
  embeddingLength: 2048,
  heads: 32,
  kvHeads: 4,
  feedForwardLength: 5632,
  vocabularySize: 32_000,
  contextLength: 4096,
  quantisation: 'q4_0',
  seed: 1,
};

/** Writes a model of a few hundred kilobytes with random weights and a byte-fallback tokenizer; it loads and generates nonsense. */
export const writeTinyModel = (path: string, options: Partial<RandomModelOptions> = {}): Promise<void> =>
  writeRandomModel(path, { ...TINY, ...options });

/** Writes the 620 MB model that benchmarks run on. */
export const writeBenchModel = (path: string, options: Partial<RandomModelOptions> = {}): Promise<void> =>
  writeRandomModel(path, { ...BENCH, ...options });

const writeRandomModel = (path: string, options: RandomModelOptions): Promise<void> =>
  writeRandomTensors(path, metadata(options), tensorShapes(options), options.seed);

/** Writes a model of the given header with random weights; equal seeds give equal files. */
export async function writeRandomTensors(
  path: string,
  metadata: readonly [string, GgufValue][],
  tensors: readonly TensorShape[],
  seed: number,
): Promise<void> {
  const header = encodeGgufHeader({ metadata, tensors });
  const random = randomWords(seed);
  const file = await open(path, 'w');
  try {
    await file.write(header.bytes, 0, header.bytes.length, 0);
    for (const [index, tensor] of tensors.entries()) {
      const bytes = randomTensor(tensor, random);
      await file.write(bytes, 0, bytes.length, header.dataOffset + (header.tensorOffsets[index] as number));
    }
    await file.truncate(header.dataOffset + header.dataByteLength);
  } finally {
    await file.close();
  }
}

function tensorShapes(options: RandomModelOptions): TensorShape[] {
  const { embeddingLength: width, feedForwardLength, vocabularySize } = options;
  const matrixType = tensorTypeNumber(options.quantisation);
  const kvWidth = (width / options.heads) * options.kvHeads;
  const matrix = (name: string, ...dimensions: number[]): TensorShape => ({ name: `${name}.weight`, dimensions, type: matrixType });
  const norm = (name: string): TensorShape => ({ name: `${name}.weight`, dimensions: [width], type: tensorTypeNumber('f32') });
  const layers = Array.from({ length: options.layers }, (_, layer) => {
    const prefix = `blk.${layer}`;
    return [
      norm(`${prefix}.attn_norm`),
      matrix(`${prefix}.attn_q`, width, width),
      matrix(`${prefix}.attn_k`, width, kvWidth),
      matrix(`${prefix}.attn_v`, width, kvWidth),
      matrix(`${prefix}.attn_output`, width, width),
      norm(`${prefix}.ffn_norm`),
      matrix(`${prefix}.ffn_gate`, width, feedForwardLength),
      matrix(`${prefix}.ffn_up`, width, feedForwardLength),
      matrix(`${prefix}.ffn_down`, feedForwardLength, width),
    ];
  });
  return [
    matrix('token_embd', width, vocabularySize),
    norm('output_norm'),
    matrix('output', width, vocabularySize),
    ...layers.flat(),
  ];
}

function metadata(options: RandomModelOptions): [string, GgufValue][] {
  const entries: [string, GgufValue][] = [
    ['general.architecture', string('llama')],
    ['general.name', string('random')],
    ['llama.block_count', uint32(options.layers)],
    ['llama.context_length', uint32(options.contextLength)],
    ['llama.embedding_length', uint32(options.embeddingLength)],
    ['llama.feed_forward_length', uint32(options.feedForwardLength)],
    ['llama.attention.head_count', uint32(options.heads)],
    ['llama.attention.head_count_kv', uint32(options.kvHeads)],
    ['llama.attention.layer_norm_rms_epsilon', float32(1e-5)],
    ['llama.rope.dimension_count', uint32(options.embeddingLength / options.heads)],
    ['llama.rope.freq_base', float32(10_000)],
    ['llama.vocab_size', uint32(options.vocabularySize)],
    ...tokenizerMetadata(options.vocabularySize),
  ];
  if (options.chatTemplate !== undefined) entries.push(['tokenizer.chat_template', string(options.chatTemplate)]);
  return entries;
}

/** A byte-fallback tokenizer of `size` tokens (at least 259). */
export function tokenizerMetadata(size: number): [string, GgufValue][] {
  const tokens = Array.from({ length: size }, (_, token) => tokenText(token));
  const types = tokens.map((_, token) => (token === 0 ? 2 : token < 3 ? 3 : token < 259 ? 6 : 1));
  return [
    ['tokenizer.ggml.model', string('llama')],
    ['tokenizer.ggml.tokens', arrayOf('string', tokens)],
    [
      'tokenizer.ggml.scores',
      arrayOf(
        'float32',
        tokens.map((_, token) => -token),
      ),
    ],
    ['tokenizer.ggml.token_type', arrayOf('int32', types)],
    ['tokenizer.ggml.bos_token_id', uint32(1)],
    ['tokenizer.ggml.eos_token_id', uint32(2)],
  ];
}

function tokenText(token: number): string {
  const special = ['<unk>', '<s>', '</s>'][token];
  if (special !== undefined) return special;
  if (token < 259) return `<0x${(token - 3).toString(16).toUpperCase().padStart(2, '0')}>`;
  return `▁w${token}`;
}

function randomWords(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
}

/** Keeps activations of the usual size through any number of layers: weights of about 1 / sqrt(row length). */
const WEIGHT_SCALE = 1.7;
const UINT32_RANGE = 4_294_967_296;

function randomTensor({ name, dimensions, type }: TensorShape, random: () => number): Uint8Array {
  const bytes = Buffer.alloc(tensorBytes(type, dimensions));
  const scale = WEIGHT_SCALE / Math.sqrt(dimensions[0] as number);
  const uniform = (): number => random() / UINT32_RANGE;
  if (type === tensorTypeNumber('f32')) {
    const isNorm = dimensions.length === 1 && !name.endsWith('.bias');
    // A state that does not fade grows without bound.
    const isFading = name.endsWith('ssm_a');
    const value = (): number => (isFading ? -0.5 - uniform() : isNorm ? 1 : (uniform() - 0.5) * 2 * scale);
    for (let offset = 0; offset < bytes.length; offset += 4) bytes.writeFloatLE(value(), offset);
  } else if (type === tensorTypeNumber('f16')) {
    for (let offset = 0; offset < bytes.length; offset += 2) bytes.writeUInt16LE(halfBits((uniform() - 0.5) * 2 * scale), offset);
  } else {
    const [blockBytes, largest] = type === tensorTypeNumber('q4_0') ? [18, 8] : [34, 127];
    for (let offset = 0; offset + 4 <= bytes.length; offset += 4) bytes.writeUInt32LE(random(), offset);
    for (let offset = 0; offset < bytes.length; offset += blockBytes) {
      bytes.writeUInt16LE(halfBits((scale / largest) * (0.5 + uniform())), offset);
    }
  }
  return bytes;
}

const floatBits = new Float32Array(1);
const floatWords = new Uint32Array(floatBits.buffer);

/** The half-precision bits of a number in half's normal range; smaller ones become 0. */
function halfBits(value: number): number {
  floatBits[0] = value;
  const word = floatWords[0] as number;
  const exponent = ((word >>> 23) & 255) - 112;
  return ((word >>> 16) & 0x8000) | (exponent <= 0 ? 0 : (exponent << 10) | ((word >>> 13) & 0x3ff));
}
