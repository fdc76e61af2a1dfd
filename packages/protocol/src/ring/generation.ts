import { ringId, type GenerationEvent, type GenerationRequest, type RingId, type ModelId, type Frame } from '@pippa/core';
import { z } from 'zod';
import { ProtocolError } from '../errors.ts';
import { codeField, countField, messageField, modelIdField, positionField, ringField, tokenField } from './fields.ts';
import { RING_LIMITS } from './limits.ts';
import { parseMessage } from './parse.ts';
import { logprobField, samplerSettingsField } from './sampler-fields.ts';

/**
 * From a front to a ring's conductor: one `generate` with the prompt's tokens as its payload, then nothing. Back come `tokens` and at
 * last `end` or `error`. Closing the stream early frees the sequence.
 */
export const GENERATE_PROTOCOL = '/pippa/generate/1';

const generateMessage = z.object({
  kind: z.literal('generate'),
  model: modelIdField,
  /** Left out: any ring of the model that the node conducts. */
  ring: ringField.exactOptional(),
  sampler: samplerSettingsField,
  maxTokens: countField.max(RING_LIMITS.contextTokens),
  logprobs: z.int().min(-1).max(RING_LIMITS.logprobs),
  lane: z.enum(['interactive', 'batch']),
  alreadyGenerated: countField.max(RING_LIMITS.contextTokens),
});

const usageField = z.object({
  promptTokens: countField,
  cachedTokens: countField,
  generatedTokens: countField,
  queueMs: z.number().min(0),
  prefillMs: z.number().min(0),
  decodeMs: z.number().min(0),
  ring: z
    .object({ steps: countField, stepMs: z.number().min(0), stageMs: z.array(z.number().min(0)).max(RING_LIMITS.stages) })
    .exactOptional(),
});

const generationReport = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('tokens'),
    tokens: z
      .array(
        z.object({
          token: tokenField,
          position: positionField,
          logprob: logprobField.exactOptional(),
          prompt: usageField.pick({ cachedTokens: true, queueMs: true, prefillMs: true }).exactOptional(),
        }),
      )
      .min(1)
      .max(RING_LIMITS.rows),
  }),
  z.object({ kind: z.literal('end'), reason: z.enum(['end', 'length', 'context']), usage: usageField }),
  z.object({
    kind: z.literal('error'),
    code: codeField,
    message: messageField,
    hint: messageField.exactOptional(),
    retryAfterSeconds: z.number().min(0).exactOptional(),
  }),
]);

export type GenerationReport = z.output<typeof generationReport>;
export type GenerationReportInput = z.input<typeof generationReport>;

export interface GenerateMessage {
  readonly model: ModelId;
  readonly ring: RingId | undefined;
  readonly request: GenerationRequest;
}

export function encodeGenerate({ model, ring, request }: GenerateMessage): { header: unknown; payload: Uint8Array } {
  const { prompt, sampler } = request;
  const header: z.input<typeof generateMessage> = {
    kind: 'generate',
    model,
    ...(ring === undefined ? {} : { ring }),
    sampler: { ...sampler, logitBias: sampler.logitBias.map(([token, bias]) => [token, bias]) },
    maxTokens: Math.min(request.maxTokens, RING_LIMITS.contextTokens),
    logprobs: request.logprobs,
    lane: request.lane,
    alreadyGenerated: request.alreadyGenerated ?? 0,
  };
  return { header, payload: new Uint8Array(prompt.buffer, prompt.byteOffset, prompt.byteLength) };
}

/** Throws `ProtocolError`. */
export function decodeGenerate({ header, payload }: Frame): GenerateMessage {
  const { kind: _kind, model, ring, ...rest } = parseMessage('generation request', generateMessage, header);
  if (payload.length % 4 !== 0 || payload.length / 4 > RING_LIMITS.contextTokens) {
    throw new ProtocolError(`A prompt came as ${payload.length} bytes.`);
  }
  const prompt = new Int32Array(payload.slice().buffer);
  if (rest.alreadyGenerated > prompt.length) throw new ProtocolError('More was generated than the prompt holds.');
  return { model, ring: ring === undefined ? undefined : ringId(ring), request: { prompt, ...rest } };
}

export function tokensReport(events: readonly Extract<GenerationEvent, { kind: 'token' }>[]): GenerationReportInput {
  return {
    kind: 'tokens',
    tokens: events.map(({ token, position, logprob, prompt }) => ({
      token,
      position,
      ...(logprob === undefined ? {} : { logprob: { ...logprob, top: [...logprob.top] } }),
      ...(prompt === undefined ? {} : { prompt }),
    })),
  };
}

export function endReport({ reason, usage }: Extract<GenerationEvent, { kind: 'end' }>): GenerationReportInput {
  const { ring, ...counts } = usage;
  return {
    kind: 'end',
    reason,
    usage: ring === undefined ? counts : { ...counts, ring: { ...ring, stageMs: [...ring.stageMs] } },
  };
}

export const parseGenerationReport = (header: unknown): GenerationReport =>
  parseMessage('generation report', generationReport, header);
