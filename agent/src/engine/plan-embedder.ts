import { MIB } from '@pippa/core';
import { describeModel, embeddingKind, kvBytesPerToken, type GgufModel } from '@pippa/gguf';
import type { EmbedderOptions } from '@pippa/llama';
import { usefulThreads } from './useful-threads.ts';

/** Tokens of a text when nobody asks for more: what most embedding models are made for, and what an encoder computes in one go. */
const DEFAULT_CONTEXT_TOKENS = 2048;
/** A decoder goes through longer texts in steps of this. */
const DECODER_ROWS = 512;
const MIN_DECODER_ROWS = 64;
/** What a decoder's logits may take, which the engine computes for every row although nobody wants them. */
const LOGIT_BYTES = 128 * MIB;
const FLOAT_BYTES = 4;
/** Intermediate results of a row, in embedding widths: input, keys, queries, values, and a feed-forward of four times the width. */
const WIDTHS = 8;

/** How a model is loaded to make vectors, and what that takes. */
export function planEmbedder(
  model: GgufModel,
  wish: { readonly contextTokens: number | undefined; readonly threads: number | { readonly atMost: number } },
): { readonly options: EmbedderOptions; readonly memoryBytes: number } {
  const layout = describeModel(model);
  const kind = embeddingKind(model);
  const trained = layout.contextLength > 0 ? layout.contextLength : DEFAULT_CONTEXT_TOKENS;
  const contextTokens = Math.min(trained, wish.contextTokens ?? DEFAULT_CONTEXT_TOKENS);
  const maxRows = kind === 'encoder' ? contextTokens : Math.min(contextTokens, decoderRows(layout.vocabularySize));
  const threads = typeof wish.threads === 'number' ? wish.threads : usefulThreads(layout.totalBytes, wish.threads.atMost);
  const paths = model.files.map((file) => file.path);
  const options: EmbedderOptions = { paths, contextTokens, maxRows, threads, gpu: 'auto' };
  return {
    // A model that writes names no pooling: its last token has seen the whole text.
    options: kind === undefined ? { ...options, pooling: 'last' } : options,
    memoryBytes: memoryBytes(model, contextTokens, maxRows),
  };
}

/** Weights, KV of a decoder, and the widest intermediate results of one call: those of the feed-forward, and the logits of a decoder. */
function memoryBytes(model: GgufModel, contextTokens: number, maxRows: number): number {
  const layout = describeModel(model);
  const isEncoder = embeddingKind(model) === 'encoder';
  const perToken = (layer: number): number => (isEncoder ? 0 : kvBytesPerToken(model, layer).perToken);
  const kv = layout.layerBytes.reduce((sum, _, layer) => sum + perToken(layer), 0) * contextTokens;
  const width = layout.embeddingLength * WIDTHS + (isEncoder ? 0 : layout.vocabularySize);
  return layout.totalBytes + kv + maxRows * width * FLOAT_BYTES;
}

function decoderRows(vocabularySize: number): number {
  const affordable = Math.floor(LOGIT_BYTES / (FLOAT_BYTES * Math.max(1, vocabularySize)));
  return Math.max(MIN_DECODER_ROWS, Math.min(DECODER_ROWS, affordable));
}
