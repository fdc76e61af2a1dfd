import type { EndReason, GenerationEvent, GenerationUsage, Sample } from '@pippa/core';
import type { Sequence } from './sequence.ts';

/** What the consumer is told of the next token, which the sequence does not have yet. */
export function tokenEvent(sequence: Sequence, sample: Sample): GenerationEvent {
  const { request, tokens, generated } = sequence;
  return {
    kind: 'token',
    token: sample.token,
    position: tokens.length,
    ...(sample.logprob === undefined ? {} : { logprob: sample.logprob }),
    ...(generated === (request.alreadyGenerated ?? 0) ? { prompt: promptFacts(sequence) } : {}),
  };
}

/** What the consumer is told at the end. */
export function endEvent(sequence: Sequence, reason: EndReason, nowMs: number): GenerationEvent {
  const admittedMs = sequence.admittedMs ?? nowMs;
  const firstTokenMs = sequence.firstTokenMs ?? nowMs;
  return {
    kind: 'end',
    reason,
    usage: {
      promptTokens: sequence.promptLength,
      cachedTokens: sequence.cachedTokens,
      generatedTokens: sequence.generated,
      queueMs: admittedMs - sequence.arrivedMs,
      prefillMs: firstTokenMs - admittedMs,
      decodeMs: nowMs - firstTokenMs,
      ring: sequence.timing.total(),
    },
  };
}

/** What a consumer that leaves before the end wants to report. */
function promptFacts(sequence: Sequence): Pick<GenerationUsage, 'cachedTokens' | 'queueMs' | 'prefillMs'> {
  const { arrivedMs, admittedMs = arrivedMs, firstTokenMs = admittedMs, cachedTokens } = sequence;
  return { cachedTokens, queueMs: admittedMs - arrivedMs, prefillMs: firstTokenMs - admittedMs };
}
