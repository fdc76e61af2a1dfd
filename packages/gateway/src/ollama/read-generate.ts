import type { ChatRequest, CompletionRequest, ServedModel } from '@pippa/core';
import { readFormat, readTextRequest, readThink, refuse, refuseImages } from './read-shared.ts';
import type { OllamaGenerateBody } from './schemas.ts';

/** A prompt is answered through the chat template unless it is to be taken as it is, or goes around a text. */
export type OllamaGeneration =
  | { readonly kind: 'chat'; readonly request: ChatRequest }
  | { readonly kind: 'complete'; readonly request: CompletionRequest };

/** Makes the request of a generate body. Throws an `InvalidRequestError` for what no model here does. */
export function readGenerate(body: OllamaGenerateBody, model: ServedModel): OllamaGeneration {
  refuseImages(body.images, 'images');
  if (body.template) refuse('template', "'template' is not taken: the model brings its own.", "Send a whole prompt with 'raw'.");
  if (body.context !== null && body.context !== undefined && body.context.length > 0) {
    refuse('context', "'context' is not taken: conversations are kept by their text.", 'Send the messages to /api/chat.');
  }
  const shared = readTextRequest(body, model);
  const prompt = body.prompt ?? '';
  const responseFormat = readFormat(body);
  if (body.raw === true || body.suffix) {
    if (responseFormat.kind !== 'text')
      refuse('format', "'format' goes with neither 'raw' nor 'suffix'.", 'Leave one of them out.');
    return { kind: 'complete', request: { ...shared, prompt, echo: false, ...(body.suffix ? { suffix: body.suffix } : {}) } };
  }
  const system = body.system ?? '';
  return {
    kind: 'chat',
    request: {
      ...shared,
      messages: [...(system === '' ? [] : [{ role: 'system' as const, content: system }]), { role: 'user', content: prompt }],
      tools: [],
      toolChoice: 'auto',
      responseFormat,
      ...readThink(body),
    },
  };
}
