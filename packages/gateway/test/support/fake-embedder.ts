import { InvalidInputError, PromptTooLongError, type EmbeddingInput, type ServedModel, type TextEmbedder } from '@pippa/core';
import { ScriptedModel } from './scripted-model.ts';
import { sentence } from './scripts.ts';

const CONTEXT_TOKENS = 8;
const lengthOf = (input: EmbeddingInput): number => (typeof input === 'string' ? input.split(' ').length : input.length);

/** A word is a token; a vector says how long the text and its first word are. */
export class FakeEmbedder implements TextEmbedder {
  readonly dimensions = 4;
  readonly contextTokens = CONTEXT_TOKENS;
  readonly pooling: TextEmbedder['pooling'];
  readonly asked: (readonly EmbeddingInput[])[] = [];
  wait: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();

  constructor(pooling: TextEmbedder['pooling'] = 'mean') {
    this.pooling = pooling;
  }

  async embed(inputs: readonly EmbeddingInput[], { signal }: { readonly signal: AbortSignal }) {
    if (this.pooling === 'rank') throw new InvalidInputError('This model is a reranker.', { path: 'model' });
    this.asked.push(inputs);
    await this.wait(signal);
    const long = inputs.find((input) => lengthOf(input) > CONTEXT_TOKENS);
    if (long !== undefined) throw new PromptTooLongError(lengthOf(long), CONTEXT_TOKENS);
    const vectors = inputs.map((input) => Float32Array.of(0.6, 0, 0.8 * (lengthOf(input) > 1 ? 1 : -1), 0));
    return { vectors, promptTokens: inputs.reduce((sum, input) => sum + lengthOf(input), 0) };
  }

  async rank(query: string, documents: readonly string[]) {
    const words = new Set(query.split(' '));
    const scores = documents.map((document) => document.split(' ').filter((word) => words.has(word)).length - 0.5);
    return { scores, promptTokens: 10 };
  }
}

export function embeddingModel(name: string, embedder: FakeEmbedder): ServedModel {
  return Object.assign(new ScriptedModel(name, sentence), {
    embedder: () => Promise.resolve(embedder),
    capabilities: () => Promise.resolve({ tools: false, reasoning: false, fillInMiddle: false, embeddingOnly: true }),
  });
}
