import { InvalidInputError, type ModelCapabilities, type ModelFacts, type ServedModel, type TextEmbedder } from '@pippa/core';

export interface EmbeddingModelParts {
  readonly name: string;
  /** Wall-clock milliseconds since 1970. */
  readonly createdMs: number;
  readonly contextTokens: number;
  readonly architecture: string;
  readonly parameterCount: number;
  readonly fileBytes: number;
  readonly facts: ModelFacts;
  readonly embedder: () => Promise<TextEmbedder>;
}

/** A model that makes vectors or ranks texts, among those that write. */
export class EmbeddingModel implements ServedModel {
  readonly name: string;
  readonly createdMs: number;
  readonly contextTokens: number;
  readonly architecture: string;
  readonly parameterCount: number;
  readonly fileBytes: number;
  readonly facts: ModelFacts;
  readonly embedder: () => Promise<TextEmbedder>;

  constructor(parts: EmbeddingModelParts) {
    this.name = parts.name;
    this.createdMs = parts.createdMs;
    this.contextTokens = parts.contextTokens;
    this.architecture = parts.architecture;
    this.parameterCount = parts.parameterCount;
    this.fileBytes = parts.fileBytes;
    this.facts = parts.facts;
    this.embedder = parts.embedder;
  }

  capabilities(): Promise<ModelCapabilities> {
    return Promise.resolve({ tools: false, reasoning: false, fillInMiddle: false, embeddingOnly: true });
  }

  chat(): never {
    return this.#refuse();
  }

  complete(): never {
    return this.#refuse();
  }

  #refuse(): never {
    throw new InvalidInputError(`The model "${this.name}" does not write. Ask it at /v1/embeddings, or /v1/rerank if it ranks.`, {
      path: 'model',
    });
  }
}
