import { describeModel, embeddingKind, getArchitectureNumber, kvBytesPerToken, type GgufModel } from '@pippa/gguf';
import type { EmbedderOptions } from '@pippa/llama';
import { usefulThreads } from './useful-threads.ts';

/** Tokens of a text when nobody asks for more: what most embedding models are made for, and what an encoder computes in one go. */
const DEFAULT_CONTEXT_TOKENS = 2048;
/** A decoder goes through longer texts in steps of this. */
const DECODER_ROWS = 512;
/** Where only the last token of a text counts, the engine keeps room for the logits of so many; elsewhere for those of every row. */
const LAST_TOKEN_ROWS = 64;
/** `pooling_type` of a header. */
const POOLING_LAST = 3;
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
  // Whatever looks at all tokens of a text has to see them in one go.
  const maxRows = countsLastToken(model) ? Math.min(contextTokens, DECODER_ROWS) : contextTokens;
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
  const logitRows = isEncoder ? 0 : countsLastToken(model) ? Math.min(maxRows, LAST_TOKEN_ROWS) : maxRows;
  const floats = maxRows * layout.embeddingLength * WIDTHS + logitRows * layout.vocabularySize;
  return layout.totalBytes + kv + floats * FLOAT_BYTES;
}

/** A decoder whose vector is that of the last token, as its file says, or because it writes and its file says nothing. */
function countsLastToken(model: GgufModel): boolean {
  const kind = embeddingKind(model);
  if (kind === 'encoder') return false;
  return kind === undefined || getArchitectureNumber(model, 'pooling_type') === POOLING_LAST;
}
