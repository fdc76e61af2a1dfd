import type { Clock, ModelFacts, SamplerSettings, ServedModel, TextEmbedder, TokenGenerator, Tokenizer } from '@pippa/core';
import { TextModel } from './text-model.ts';

export interface ServedModelParts {
  readonly name: string;
  /** Wall-clock milliseconds since 1970. */
  readonly createdMs: number;
  readonly architecture: string;
  readonly parameterCount: number;
  readonly fileBytes: number;
  readonly facts?: ModelFacts;
  /** The model's own Jinja template; undefined: one is chosen by its vocabulary. */
  readonly template: string | undefined;
  readonly tokenizer: Tokenizer;
  readonly generator: TokenGenerator;
  /** What the model's header recommends. */
  readonly samplerDefaults: Partial<SamplerSettings>;
  /** Unsigned 32-bit numbers: seeds for requests without one, ids of tool calls. */
  readonly randomSeed: () => number;
  /** What makes vectors with the model; left out: nothing can. */
  readonly embedder?: () => Promise<TextEmbedder>;
  readonly clock: Pick<Clock, 'nowMs' | 'wallMs'>;
}

/** A model that answers in text: template and tokenizing before a generator, characters and segments after it. */
export function createServedModel(parts: ServedModelParts): ServedModel {
  return new TextModel(parts);
}
