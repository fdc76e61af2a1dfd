import { arrayOf, bool, float32, string, tensorTypeNumber, uint32, type GgufValue, type TensorShape } from '@pippa/gguf';
import { writeRandomTensors } from './tiny-model.ts';

export interface TinyBertOptions {
  readonly layers?: number;
  /** `rank`: with a classification head of one score. `none`: the file does not say. */
  readonly pooling?: 'mean' | 'cls' | 'rank' | 'none';
  readonly contextLength?: number;
  /** Equal seeds give equal files. */
  readonly seed?: number;
}

const WIDTH = 64;
const HEADS = 4;
const FEED_FORWARD = 128;
const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const WORDS = ['the', 'house', 'answers', 'question', 'bees', 'build', 'honey', 'red', 'green', 'apple'];
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'.split('');
/** A word's beginning is marked, its other pieces are not. */
const TOKENS = [...SPECIAL, ...WORDS.map((word) => `▁${word}`), ...LETTERS.map((letter) => `▁${letter}`), ...LETTERS];
const POOLING = { none: 0, mean: 1, cls: 2, rank: 4 } as const;

/** Writes an encoder of some hundred kilobytes with random weights and a word-piece tokenizer: vectors of 64 numbers, meaning nothing. */
export async function writeTinyBert(
  path: string,
  { layers = 2, pooling = 'mean', contextLength = 64, seed = 1 }: TinyBertOptions = {},
): Promise<void> {
  const metadata: [string, GgufValue][] = [
    ['general.architecture', string('bert')],
    ['general.name', string('random')],
    ['bert.block_count', uint32(layers)],
    ['bert.context_length', uint32(contextLength)],
    ['bert.embedding_length', uint32(WIDTH)],
    ['bert.feed_forward_length', uint32(FEED_FORWARD)],
    ['bert.attention.head_count', uint32(HEADS)],
    ['bert.attention.layer_norm_epsilon', float32(1e-12)],
    ['bert.attention.causal', bool(false)],
    ...(pooling === 'none' ? [] : [['bert.pooling_type', uint32(POOLING[pooling])] satisfies [string, GgufValue]]),
    ['tokenizer.ggml.model', string('bert')],
    ['tokenizer.ggml.tokens', arrayOf('string', TOKENS)],
    [
      'tokenizer.ggml.token_type',
      arrayOf(
        'int32',
        TOKENS.map((_, token) => (token < SPECIAL.length ? 3 : 1)),
      ),
    ],
    ['tokenizer.ggml.token_type_count', uint32(2)],
    ['tokenizer.ggml.padding_token_id', uint32(0)],
    ['tokenizer.ggml.unknown_token_id', uint32(1)],
    ['tokenizer.ggml.bos_token_id', uint32(2)],
    ['tokenizer.ggml.cls_token_id', uint32(2)],
    ['tokenizer.ggml.seperator_token_id', uint32(3)],
    ['tokenizer.ggml.mask_token_id', uint32(4)],
  ];
  await writeRandomTensors(path, metadata, tensors(layers, contextLength, pooling === 'rank'), seed);
}

function tensors(layers: number, contextLength: number, ranks: boolean): TensorShape[] {
  const f32 = tensorTypeNumber('f32');
  const weight = (name: string, ...dimensions: number[]): TensorShape => ({ name: `${name}.weight`, dimensions, type: f32 });
  const withBias = (name: string, ...dimensions: number[]): TensorShape[] => [
    weight(name, ...dimensions),
    { name: `${name}.bias`, dimensions: [dimensions.at(-1) ?? WIDTH], type: f32 },
  ];
  return [
    weight('token_embd', WIDTH, TOKENS.length),
    weight('token_types', WIDTH, 2),
    weight('position_embd', WIDTH, contextLength),
    ...withBias('token_embd_norm', WIDTH),
    ...Array.from({ length: layers }, (_, layer) => [
      ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].flatMap((name) => withBias(`blk.${layer}.${name}`, WIDTH, WIDTH)),
      ...withBias(`blk.${layer}.attn_output_norm`, WIDTH),
      ...withBias(`blk.${layer}.ffn_up`, WIDTH, FEED_FORWARD),
      ...withBias(`blk.${layer}.ffn_down`, FEED_FORWARD, WIDTH),
      ...withBias(`blk.${layer}.layer_output_norm`, WIDTH),
    ]).flat(),
    ...(ranks ? [...withBias('cls', WIDTH, WIDTH), ...withBias('cls.output', WIDTH, 1)] : []),
  ];
}
