import type { ChatRequest, SamplerSettings, ServedModel, TextRequest } from '@pippa/core';
import { InvalidRequestError } from '../errors.ts';
import { samplerSettings, stopStrings } from '../openai/sampler.ts';
import type { OllamaSharedBody } from './schemas.ts';

/** What the options of a body say of every kind of generation. */
export function readTextRequest(body: OllamaSharedBody, model: ServedModel): TextRequest {
  const options = body.options ?? {};
  const maxTokens = options.num_predict ?? undefined;
  return {
    sampler: readSampler(body, model),
    stop: stopStrings(options.stop),
    lane: 'interactive',
    // Ollama's -1 and -2 both end at the end of the context here.
    ...(maxTokens === undefined || maxTokens < 0 ? {} : { maxTokens }),
    ...(body.logprobs === true ? { logprobs: body.top_logprobs ?? 0 } : {}),
  };
}

function readSampler({ options }: OllamaSharedBody, model: ServedModel): Partial<SamplerSettings> {
  return samplerSettings(options ?? {}, 0, model);
}

export function readFormat({ format }: OllamaSharedBody): ChatRequest['responseFormat'] {
  if (format === null || format === undefined || format === '') return { kind: 'text' };
  return format === 'json' ? { kind: 'json' } : { kind: 'schema', schema: format };
}

export function readThink({ think }: OllamaSharedBody): Pick<ChatRequest, 'templateVariables'> {
  if (think === null || think === undefined) return {};
  return {
    templateVariables: { enable_thinking: think !== false, ...(typeof think === 'string' ? { reasoning_effort: think } : {}) },
  };
}

/** Refuses what no model here does, naming the field. */
export function refuse(param: string, message: string, hint: string): never {
  throw new InvalidRequestError(message, { param, reason: 'unsupported_parameter', hint });
}

export function refuseImages(images: readonly unknown[] | null | undefined, param: string): void {
  if (images === null || images === undefined || images.length === 0) return;
  refuse(param, `'${param}' holds images, but the models here read text only.`, 'Leave the images out.');
}

/** Asking for nothing with `keep_alive` 0 is how clients unload a model. */
export function refuseUnload({ keep_alive: keepAlive }: OllamaSharedBody): void {
  if (keepAlive !== 0 && !(typeof keepAlive === 'string' && /^0[a-z]*$/.test(keepAlive))) return;
  refuse('keep_alive', 'Models are not unloaded by clients: the agent decides which stay loaded.', 'Start it with other models.');
}
