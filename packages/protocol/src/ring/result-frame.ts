import type { Sample, StepResult } from '@pippa/core';
import { slot as slotIndex } from '@pippa/core';
import { z } from 'zod';
import { BinaryReader, BinaryWriter } from './binary.ts';
import { messageField, slotField } from './fields.ts';
import { RING_LIMITS } from './limits.ts';
import { parseMessage } from './parse.ts';
import { logprobField } from './sampler-fields.ts';
import { duration, inRange } from './step-frame.ts';

/** First word of a result's frame. */
export const RESULT_TAG = 0x50_54_52_01;

const END_OF_GENERATION = 1;
const HAS_LOGPROB = 2;

const extrasField = z.object({
  /** Of the samples that have one, in order. */
  logprobs: z.array(logprobField).max(RING_LIMITS.slots),
  failures: z.array(z.object({ slot: slotField, message: messageField })).max(RING_LIMITS.slots),
});

/** What the last stage made of a step, as it travels; specified in this package's README. */
export function encodeResult({ id, epoch, samples, samplerFailures, timings }: StepResult): Uint8Array<ArrayBuffer> {
  const logprobs = samples.flatMap(({ logprob }) => (logprob === undefined ? [] : [{ ...logprob, top: [...logprob.top] }]));
  const writer = new BinaryWriter({
    words: 8,
    doubles: timings.length,
    integers: 3 * samples.length,
    message: logprobs.length + samplerFailures.length === 0 ? undefined : { logprobs, failures: [...samplerFailures] },
    bytes: undefined,
  });
  const { words, doubles, ints } = writer;
  words[0] = RESULT_TAG;
  writer.setSafeInteger(1, id);
  words[3] = epoch;
  words[4] = samples.length;
  words[5] = timings.length;
  words[6] = writer.messageBytes;
  for (let index = 0; index < timings.length; index += 1) doubles[index] = timings[index]?.computeMs ?? 0;
  let at = 0;
  for (const sample of samples) {
    ints[at] = sample.slot;
    ints[at + 1] = sample.token;
    ints[at + 2] = (sample.endOfGeneration ? END_OF_GENERATION : 0) | (sample.logprob === undefined ? 0 : HAS_LOGPROB);
    at += 3;
  }
  return writer.frame;
}

/** Throws `ProtocolError`. */
export function decodeResult(frame: Uint8Array): StepResult {
  const head = BinaryReader.head(frame, 8, RESULT_TAG, 'result');
  const sampleCount = inRange('samples', head[4], 0, RING_LIMITS.slots + 1);
  const timingCount = inRange('timings', head[5], 0, RING_LIMITS.stages + 1);
  const reader = new BinaryReader(frame, {
    words: 8,
    doubles: timingCount,
    integers: 3 * sampleCount,
    messageBytes: head[6] ?? 0,
  });
  const extras = reader.message === undefined ? undefined : parseMessage('result', extrasField, reader.message);
  const logprobs = extras?.logprobs.values();
  const samples: Sample[] = [];
  for (let at = 0; samples.length < sampleCount; at += 3) {
    const flags = inRange('flags of a sample', reader.ints[at + 2], 0, 4);
    const logprob = (flags & HAS_LOGPROB) === 0 ? undefined : logprobs?.next().value;
    samples.push({
      slot: slotIndex(inRange('slot', reader.ints[at], 0, RING_LIMITS.slots)),
      token: inRange('token', reader.ints[at + 1], 0, RING_LIMITS.vocabulary),
      endOfGeneration: (flags & END_OF_GENERATION) !== 0,
      ...(logprob === undefined ? {} : { logprob }),
    });
  }
  return {
    id: BinaryReader.safeInteger(head, 1),
    epoch: head[3] ?? 0,
    samples,
    samplerFailures: extras?.failures ?? [],
    timings: Array.from(reader.doubles, (computeMs) => ({ computeMs: duration(computeMs) })),
  };
}
