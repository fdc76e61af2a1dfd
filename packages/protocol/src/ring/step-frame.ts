import { slot as slotIndex, type MemoryOperation, type SamplerOperation, type StageTiming, type Step } from '@pippa/core';
import { z } from 'zod';
import { ProtocolError } from '../errors.ts';
import { BinaryReader, BinaryWriter } from './binary.ts';
import { countField, slotField } from './fields.ts';
import { RING_LIMITS } from './limits.ts';
import { parseMessage } from './parse.ts';
import { samplerSettingsField } from './sampler-fields.ts';

/** First word of a step's frame. */
export const STEP_TAG = 0x50_54_53_01;

const samplersField = z
  .array(
    z.discriminatedUnion('kind', [
      z.object({
        kind: z.literal('open'),
        slot: slotField,
        settings: samplerSettingsField,
        /** Tokens of the history; they are among the frame's integers. */
        history: countField.max(RING_LIMITS.historyTokens),
        generatedTokens: countField.max(RING_LIMITS.historyTokens),
      }),
      z.object({ kind: z.literal('close'), slot: slotField }),
    ]),
  )
  .max(2 * RING_LIMITS.slots);

/** A step as a stage takes it from the wire. */
export interface StepFrame {
  readonly step: Step;
  readonly timings: readonly StageTiming[];
  /** The previous stage's output in the ring's activation format, 8-aligned in a frame that is; empty on the way to the first stage. */
  readonly activations: Uint8Array;
}

/**
 * A step as it travels, specified in this package's README. It is plain integers and checked by hand: a stage that has just streamed its
 * weights finds its caches cold, and every line of code and object that a step takes costs it microseconds.
 */
export function encodeStep(
  step: Step,
  { activations, timings = [] }: { readonly activations?: Uint8Array; readonly timings?: readonly StageTiming[] } = {},
): Uint8Array<ArrayBuffer> {
  const rows = step.slots.length;
  const histories = step.samplers.flatMap((operation) => (operation.kind === 'open' ? [operation.history] : []));
  const historyTokens = histories.reduce((sum, history) => sum + history.length, 0);
  const samplers = step.samplers.map((operation) =>
    operation.kind === 'open' ? { ...operation, history: operation.history.length } : operation,
  );
  const hasTokens = activations === undefined;
  const integers = 5 * step.memory.length + 3 * step.outputs.length + (hasTokens ? 3 : 2) * rows + historyTokens;
  const writer = new BinaryWriter({
    words: 12,
    doubles: timings.length,
    integers,
    message: samplers.length === 0 ? undefined : samplers,
    bytes: activations,
  });
  const { words, doubles, ints } = writer;
  words[0] = STEP_TAG;
  writer.setSafeInteger(1, step.id);
  words[3] = step.epoch;
  words[4] = rows;
  words[5] = hasTokens ? 1 : 0;
  words[6] = step.memory.length;
  words[7] = step.outputs.length;
  words[8] = timings.length;
  words[9] = writer.messageBytes;
  words[10] = historyTokens;
  for (let index = 0; index < timings.length; index += 1) doubles[index] = timings[index]?.computeMs ?? 0;
  let at = 0;
  for (const operation of step.memory) {
    const isCopy = operation.kind === 'copy';
    ints[at] = isCopy ? 1 : 0;
    ints[at + 1] = isCopy ? operation.source : operation.slot;
    ints[at + 2] = isCopy ? operation.target : 0;
    ints[at + 3] = operation.from;
    ints[at + 4] = operation.to;
    at += 5;
  }
  for (const output of step.outputs) {
    ints[at] = output.row;
    ints[at + 1] = output.slot;
    ints[at + 2] = output.logprobs;
    at += 3;
  }
  const arrays = hasTokens ? [step.slots, step.positions, step.tokens] : [step.slots, step.positions];
  for (const array of [...arrays, ...histories]) {
    ints.set(array, at);
    at += array.length;
  }
  return writer.frame;
}

/** Throws `ProtocolError`. The step's arrays are copies, the activations are a view: frames come in buffers that are used again. */
export function decodeStep(frame: Uint8Array): StepFrame {
  const head = BinaryReader.head(frame, 12, STEP_TAG, 'step');
  const rows = inRange('rows', head[4], 1, RING_LIMITS.rows + 1);
  const hasTokens = inRange('flags', head[5], 0, 2) === 1;
  const memoryCount = inRange('memory operations', head[6], 0, 4 * RING_LIMITS.slots + 1);
  const outputCount = inRange('outputs', head[7], 0, RING_LIMITS.slots + 1);
  const timingCount = inRange('timings', head[8], 0, RING_LIMITS.stages + 1);
  const historyTokens = inRange('tokens of history', head[10], 0, RING_LIMITS.historyTokens + 1);
  const reader = new BinaryReader(frame, {
    words: 12,
    doubles: timingCount,
    integers: 5 * memoryCount + 3 * outputCount + (hasTokens ? 3 : 2) * rows + historyTokens,
    messageBytes: head[9] ?? 0,
  });
  if (hasTokens && reader.bytes.length > 0) throw new ProtocolError('A step brings both tokens and hidden states.');
  const { ints } = reader;
  let at = 0;
  const memory: MemoryOperation[] = [];
  for (; memory.length < memoryCount; at += 5) memory.push(memoryOperation(ints.subarray(at, at + 5)));
  const outputs: Step['outputs'][number][] = [];
  for (; outputs.length < outputCount; at += 3) {
    outputs.push({
      row: inRange('row of an output', ints[at], 0, rows),
      slot: slotOf(ints[at + 1]),
      logprobs: inRange('log probabilities', ints[at + 2], -1, RING_LIMITS.logprobs + 1),
    });
  }
  const take = (count: number): Int32Array<ArrayBuffer> => ints.slice(at, (at += count));
  const slots = take(rows);
  const positions = take(rows);
  const tokens = take(hasTokens ? rows : 0);
  requireRange('slot', slots, RING_LIMITS.slots);
  requireRange('position', positions, RING_LIMITS.contextTokens);
  requireRange('token', tokens, RING_LIMITS.vocabulary);
  const samplers = reader.message === undefined ? [] : samplersOf(reader.message, take, historyTokens);
  const step: Step = {
    id: BinaryReader.safeInteger(head, 1),
    epoch: head[3] ?? 0,
    memory,
    samplers,
    slots,
    positions,
    tokens,
    outputs,
  };
  const timings = Array.from(reader.doubles, (computeMs) => ({ computeMs: duration(computeMs) }));
  return { step, timings, activations: reader.bytes };
}

function samplersOf(message: unknown, take: (count: number) => Int32Array<ArrayBuffer>, historyTokens: number): SamplerOperation[] {
  const parsed = parseMessage('step', samplersField, message);
  const wanted = parsed.reduce((sum, operation) => sum + (operation.kind === 'open' ? operation.history : 0), 0);
  if (wanted !== historyTokens) throw new ProtocolError(`A step brings ${historyTokens} tokens of history along for ${wanted}.`);
  return parsed.map((operation) => {
    if (operation.kind === 'close') return operation;
    const history = take(operation.history);
    if (operation.generatedTokens > history.length) throw new ProtocolError('A sampler has generated more than its history holds.');
    requireRange('token', history, RING_LIMITS.vocabulary);
    return { ...operation, history };
  });
}

function memoryOperation([kind, first, second, from, to]: Int32Array): MemoryOperation {
  const start = inRange('position', from, 0, RING_LIMITS.contextTokens + 1);
  if (inRange('memory operation', kind, 0, 2) === 0) {
    return { kind: 'remove', slot: slotOf(first), from: start, to: inRange('position', to, -1, RING_LIMITS.contextTokens + 1) };
  }
  const end = inRange('position', to, 0, RING_LIMITS.contextTokens + 1);
  return { kind: 'copy', source: slotOf(first), target: slotOf(second), from: start, to: end };
}

const slotOf = (value: number | undefined): Step['outputs'][number]['slot'] =>
  slotIndex(inRange('slot', value, 0, RING_LIMITS.slots));

/** What a stage says it took. */
export function duration(ms: number): number {
  if (ms >= 0 && ms < Infinity) return ms;
  throw new ProtocolError(`A stage computed for ${ms} ms.`);
}

/** Checks `from <= value < end`. */
export function inRange(what: string, value: number | undefined, from: number, end: number): number {
  if (value !== undefined && value >= from && value < end) return value;
  throw new ProtocolError(`A step has ${value} as ${what}.`);
}

function requireRange(what: string, values: Int32Array, end: number): void {
  for (const value of values) if (value < 0 || value >= end) throw new ProtocolError(`A step has the ${what} ${value}.`);
}
