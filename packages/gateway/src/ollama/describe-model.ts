import { createHash } from 'node:crypto';
import type { z } from '@hono/zod-openapi';
import type { ModelCapabilities, ServedModel } from '@pippa/core';
import type { OllamaDetails, ollamaRunning, ollamaShow, ollamaTags } from './response-schemas.ts';

/** Loaded models stay: a time that no client waits for. */
const NEVER = '9999-12-31T23:59:59Z';
const BILLION = 1e9;
const MILLION = 1e6;

export const tagOf = (model: ServedModel): z.output<typeof ollamaTags>['models'][number] => ({
  ...listed(model),
  modified_at: new Date(model.createdMs).toISOString(),
});

export const runningOf = (model: ServedModel): z.output<typeof ollamaRunning>['models'][number] => ({
  ...listed(model),
  expires_at: NEVER,
  size_vram: model.fileBytes,
  context_length: model.contextTokens,
});

export function showOf(model: ServedModel, capabilities: ModelCapabilities | undefined): z.output<typeof ollamaShow> {
  const { license, template } = model.facts ?? {};
  return {
    modelfile: `# Of pippa-agent, which reads no modelfiles.\nFROM ${model.name}\n`,
    parameters: `num_ctx ${model.contextTokens}`,
    template: template ?? '',
    ...(license === undefined ? {} : { license }),
    modified_at: new Date(model.createdMs).toISOString(),
    details: detailsOf(model),
    model_info: modelInfo(model),
    capabilities: [
      capabilities?.embeddingOnly === true ? 'embedding' : 'completion',
      ...(capabilities?.tools === true ? ['tools'] : []),
      ...(capabilities?.reasoning === true ? ['thinking'] : []),
      ...(capabilities?.fillInMiddle === true ? ['insert'] : []),
    ],
  };
}

const listed = (model: ServedModel) => ({
  name: model.name,
  model: model.name,
  size: model.fileBytes,
  // Clients only compare it.
  digest: model.facts?.id ?? createHash('sha256').update(model.name).digest('hex'),
  details: detailsOf(model),
});

const detailsOf = ({ architecture, parameterCount, facts }: ServedModel): OllamaDetails => ({
  parent_model: '',
  format: 'gguf',
  family: architecture,
  families: [architecture],
  parameter_size: parameterSize(parameterCount),
  quantization_level: facts?.quantisation ?? 'unknown',
});

function parameterSize(count: number): string {
  if (count >= BILLION) return `${(count / BILLION).toFixed(1)}B`;
  return `${(count / MILLION).toFixed(2)}M`;
}

/** Under the names of the file's header, which is where clients look for the length of the context. */
function modelInfo({ name, architecture, parameterCount, contextTokens, facts }: ServedModel): Record<string, unknown> {
  const known = {
    'general.basename': name,
    'general.architecture': architecture,
    'general.parameter_count': parameterCount,
    'general.file_type': facts?.quantisation,
    // What a conversation here may hold, which may be less than what the model was trained for.
    [`${architecture}.context_length`]: contextTokens,
    [`${architecture}.trained_context_length`]: facts?.trainedContextTokens,
    [`${architecture}.block_count`]: facts?.layerCount,
    [`${architecture}.embedding_length`]: facts?.embeddingLength,
    [`${architecture}.vocab_size`]: facts?.vocabularySize,
  };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
}
