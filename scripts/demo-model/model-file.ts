import { writeFile } from 'node:fs/promises';
import {
  arrayOf,
  bool,
  encodeGgufHeader,
  float32,
  string,
  tensorTypeNumber,
  uint32,
  type GgufValue,
  type TensorShape,
} from '@pippa/gguf';
import type { BytePairVocabulary } from './byte-pair-encoding.ts';
import { SPECIAL_TOKENS } from './byte-pair-encoding.ts';
import { NORM_EPSILON, type NetworkShape } from './network.ts';
import { CHAT_TEMPLATE } from './template.ts';

export interface NamedWeights {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly values: Float32Array;
}

const NORMAL_TOKEN = 1;
const CONTROL_TOKEN = 3;

/** Writes the model (or, without weights, a vocabulary alone): norms as f32, matrices as f16. */
export async function writeModelFile(
  path: string,
  vocabulary: BytePairVocabulary,
  shape: NetworkShape,
  contextLength: number,
  weights: readonly NamedWeights[],
): Promise<void> {
  const tensors = weights.map(({ name, dimensions }): TensorShape => ({
    name,
    dimensions,
    type: tensorTypeNumber(dimensions.length === 1 ? 'f32' : 'f16'),
  }));
  const header = encodeGgufHeader({ metadata: metadata(vocabulary, shape, contextLength), tensors });
  const file = Buffer.alloc(header.dataOffset + header.dataByteLength);
  file.set(header.bytes);
  for (const [index, { dimensions, values }] of weights.entries()) {
    const encoded = dimensions.length === 1 ? values : toHalf(values);
    file.set(
      new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength),
      header.dataOffset + (header.tensorOffsets[index] as number),
    );
  }
  await writeFile(path, file);
}

function metadata(vocabulary: BytePairVocabulary, shape: NetworkShape, contextLength: number): [string, GgufValue][] {
  const end = SPECIAL_TOKENS.indexOf('<|im_end|>');
  return [
    ['general.architecture', string('llama')],
    ['general.name', string('pippa-tiny')],
    ['general.description', string('Demo model of pippa-agent: holds a small conversation about what it is and how to use it.')],
    ['general.license', string('MIT')],
    ['general.file_type', uint32(1)],
    ['general.sampling.temp', float32(0)],
    ['llama.block_count', uint32(shape.layers)],
    ['llama.context_length', uint32(contextLength)],
    ['llama.embedding_length', uint32(shape.width)],
    ['llama.feed_forward_length', uint32(shape.feedForward)],
    ['llama.attention.head_count', uint32(shape.heads)],
    ['llama.attention.head_count_kv', uint32(shape.heads)],
    ['llama.attention.layer_norm_rms_epsilon', float32(NORM_EPSILON)],
    ['llama.rope.dimension_count', uint32(shape.width / shape.heads)],
    ['llama.rope.freq_base', float32(10_000)],
    ['llama.vocab_size', uint32(vocabulary.tokens.length)],
    ['tokenizer.ggml.model', string('gpt2')],
    ['tokenizer.ggml.pre', string('gpt-2')],
    ['tokenizer.ggml.tokens', arrayOf('string', vocabulary.tokens)],
    [
      'tokenizer.ggml.token_type',
      arrayOf(
        'int32',
        vocabulary.tokens.map((_, token) => (token < SPECIAL_TOKENS.length ? CONTROL_TOKEN : NORMAL_TOKEN)),
      ),
    ],
    ['tokenizer.ggml.merges', arrayOf('string', vocabulary.merges)],
    ['tokenizer.ggml.bos_token_id', uint32(0)],
    ['tokenizer.ggml.eos_token_id', uint32(end)],
    ['tokenizer.ggml.padding_token_id', uint32(0)],
    ['tokenizer.ggml.add_bos_token', bool(false)],
    ['tokenizer.chat_template', string(CHAT_TEMPLATE)],
  ];
}

/** Half precision, rounded to nearest; weights of a trained network stay far inside its range. */
function toHalf(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (const [index, word] of words.entries()) {
    const sign = (word >>> 16) & 0x8000;
    const exponent = ((word >>> 23) & 255) - 112;
    const mantissa = word & 0x7fffff;
    if (exponent <= 0) {
      const shifted = exponent < -10 ? 0 : (mantissa | 0x800000) >>> (14 - exponent);
      halves[index] = sign | shifted;
    } else {
      halves[index] = sign | (((exponent << 10) | (mantissa >>> 13)) + ((mantissa >>> 12) & 1));
    }
  }
  return halves;
}
