import { randomInt } from 'node:crypto';
import { createServedModel } from '@pippa/chat';
import { systemClock, type ServedModel, type TextEmbedder, type TokenGenerator } from '@pippa/core';
import { chatTemplate, describeModel, embeddingKind } from '@pippa/gguf';
import { modelFacts } from '../engine/model-facts.ts';
import { samplerDefaults } from '../engine/sampler-defaults.ts';
import { fileBytes } from '../library/model-file.ts';
import { EmbeddingModel } from './embedding-model.ts';
import type { ModelFiles, NamedModel } from './model-files.ts';

const MAX_SEED = 2 ** 32;

/** What turns text into tokens and back for one model on this node; needs its header, no weights. */
export interface Front extends AsyncDisposable {
  readonly served: ServedModel;
  /** False for a model that makes vectors and has no ring. */
  readonly writes: boolean;
}

export interface FrontParts {
  readonly files: ModelFiles;
  readonly generator: TokenGenerator;
  /** Opens what makes vectors with the model. */
  readonly embedder: () => Promise<TextEmbedder>;
  readonly signal: AbortSignal;
}

/** Opens template and tokenizer before `generator`. Throws what reading the header or its vocabulary throws. */
export async function openFront(model: NamedModel, { files, generator, embedder, signal }: FrontParts): Promise<Front> {
  const header = await files.header(model, signal);
  const layout = describeModel(header.model);
  const about = {
    name: model.name,
    createdMs: systemClock.wallMs(),
    architecture: layout.architecture,
    parameterCount: layout.parameterCount,
    fileBytes: fileBytes(header.model),
    facts: await modelFacts(header.model, layout),
    embedder,
  };
  if (embeddingKind(header.model) !== undefined) {
    const served = new EmbeddingModel({ ...about, contextTokens: layout.contextLength });
    return { served, writes: false, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  // Loaded when there is a model to open: an agent without one does without the engine.
  const { explainLoadFailure, openTokenizer } = await import('@pippa/llama');
  const tokenizer = await openTokenizer(header.path).catch((error: unknown) => {
    throw explainLoadFailure(error, layout.architecture);
  });
  return {
    writes: true,
    served: createServedModel({
      ...about,
      template: chatTemplate(header.model),
      tokenizer,
      generator,
      samplerDefaults: samplerDefaults(header.model.metadata),
      randomSeed: () => randomInt(MAX_SEED),
      clock: systemClock,
    }),
    [Symbol.asyncDispose]: () => tokenizer[Symbol.asyncDispose](),
  };
}
