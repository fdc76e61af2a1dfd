import { randomInt } from 'node:crypto';
import { createServedModel } from '@pippa/chat';
import { systemClock, type ServedModel, type TokenGenerator } from '@pippa/core';
import { chatTemplate, describeModel } from '@pippa/gguf';
import { modelFacts } from '../engine/model-facts.ts';
import { samplerDefaults } from '../engine/sampler-defaults.ts';
import { fileBytes } from '../library/model-file.ts';
import type { ModelFiles, NamedModel } from './model-files.ts';

const MAX_SEED = 2 ** 32;

/** What turns text into tokens and back for one model on this node; needs its header, no weights. */
export interface Front extends AsyncDisposable {
  readonly served: ServedModel;
}

/** Opens template and tokenizer before `generator`. Throws what reading the header or its vocabulary throws. */
export async function openFront(
  model: NamedModel,
  { files, generator, signal }: { readonly files: ModelFiles; readonly generator: TokenGenerator; readonly signal: AbortSignal },
): Promise<Front> {
  const header = await files.header(model, signal);
  // Loaded when there is a model to open: an agent without one does without the engine.
  const { openTokenizer } = await import('@pippa/llama');
  const tokenizer = await openTokenizer(header.path);
  const layout = describeModel(header.model);
  return {
    served: createServedModel({
      name: model.name,
      createdMs: systemClock.wallMs(),
      architecture: layout.architecture,
      parameterCount: layout.parameterCount,
      fileBytes: fileBytes(header.model),
      facts: await modelFacts(header.model, layout),
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
