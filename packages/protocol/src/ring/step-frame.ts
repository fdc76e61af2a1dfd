import {
  slot as slotIndex,
  type Frame,
  type MemoryOperation,
  type SamplerOperation,
  type StageTiming,
  type Step,
} from '@pippa/core';
import { z } from 'zod';
import { ProtocolError } from '../errors.ts';
import { countField, epochField, positionField, slotField } from './fields.ts';
import { RING_LIMITS } from './limits.ts';
import { parseMessage } from './parse.ts';
import { samplerSettingsField } from './sampler-fields.ts';

const memoryField = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('remove'), slot: slotField, from: positionField, to: z.int().min(-1) }),
  z.object({ kind: z.literal('copy'), source: slotField, target: slotField, from: positionField, to: positionField }),
]);

const samplerField = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('open'),
    slot: slotField,
    settings: samplerSettingsField,
    /** Tokens of the history; they are in the payload. */
    history: countField.max(RING_LIMITS.historyTokens),
    generatedTokens: countField.max(RING_LIMITS.historyTokens),
  }),
  z.object({ kind: z.literal('close'), slot: slotField }),
]);

const stepHeader = z.object({
  kind: z.literal('step'),
  id: countField,
  epoch: epochField,
  rows: z.int().min(1).max(RING_LIMITS.rows),
  /** The payload has the rows' tokens: on the way to the first stage. */
  hasTokens: z.boolean(),
  memory: z.array(memoryField).max(4 * RING_LIMITS.slots),
  samplers: z.array(samplerField).max(2 * RING_LIMITS.slots),
  outputs: z.array(z.tuple([z.int().min(0), slotField, z.int().min(-1).max(RING_LIMITS.logprobs)])).max(RING_LIMITS.slots),
  /** Compute milliseconds of the stages so far. */
  timings: z.array(z.number().min(0)).max(RING_LIMITS.stages),
});

export type StepHeader = z.input<typeof stepHeader>;

/** A step as a stage takes it from the wire. */
export interface StepFrame {
  readonly step: Step;
  readonly timings: readonly StageTiming[];
  /** The previous stage's output in the ring's activation format; empty on the way to the first stage. */
  readonly activations: Uint8Array;
}

/**
 * A step as it travels: what is small in the header; in the payload, as little-endian 32-bit integers, the rows' slots, positions and
 * (to the first stage) tokens, then the samplers' histories one after the other, padding to 8, then the activations.
 */
export function encodeStep(
  step: Step,
  { activations, timings = [] }: { readonly activations?: Uint8Array; readonly timings?: readonly StageTiming[] } = {},
): { header: StepHeader; payload: Uint8Array } {
  const rows = step.slots.length;
  const hasTokens = activations === undefined;
  const histories = step.samplers.reduce((sum, operation) => sum + (operation.kind === 'open' ? operation.history.length : 0), 0);
  const integers = (hasTokens ? 3 : 2) * rows + histories;
  const start = alignTo8(integers * 4);
  const payload = new Uint8Array(start + (activations?.length ?? 0));
  const words = new Int32Array(payload.buffer, 0, integers);
  words.set(step.slots);
  words.set(step.positions, rows);
  if (hasTokens) words.set(step.tokens, 2 * rows);
  let at = (hasTokens ? 3 : 2) * rows;
  const samplers = step.samplers.map((operation): StepHeader['samplers'][number] => {
    if (operation.kind === 'close') return operation;
    words.set(operation.history, at);
    at += operation.history.length;
    return {
      ...operation,
      settings: { ...operation.settings, logitBias: operation.settings.logitBias.map(([token, bias]) => [token, bias]) },
      history: operation.history.length,
    };
  });
  if (activations !== undefined) payload.set(activations, start);
  const header: StepHeader = {
    kind: 'step',
    id: step.id,
    epoch: step.epoch,
    rows,
    hasTokens,
    memory: [...step.memory],
    samplers,
    outputs: step.outputs.map((output) => [output.row, output.slot, output.logprobs]),
    timings: timings.map((timing) => timing.computeMs),
  };
  return { header, payload };
}

/** Throws `ProtocolError`. The step's arrays are copies: frames come in buffers that are used again. */
export function decodeStep({ header, payload }: Frame): StepFrame {
  const { kind: _kind, ...parsed } = parseMessage('step', stepHeader, header);
  const { rows, hasTokens } = parsed;
  const histories = parsed.samplers.reduce((sum, operation) => sum + (operation.kind === 'open' ? operation.history : 0), 0);
  if (histories > RING_LIMITS.historyTokens) throw new ProtocolError(`A step brings ${histories} tokens of history along.`);
  const integers = (hasTokens ? 3 : 2) * rows + histories;
  const start = alignTo8(integers * 4);
  if (payload.length < start || (hasTokens && payload.length !== start)) {
    throw new ProtocolError(`A step of ${rows} rows came with ${payload.length} bytes.`);
  }
  const words = new Int32Array(payload.slice(0, integers * 4).buffer);
  const slots = words.slice(0, rows);
  const positions = words.slice(rows, 2 * rows);
  const tokens = hasTokens ? words.slice(2 * rows, 3 * rows) : new Int32Array(0);
  let at = (hasTokens ? 3 : 2) * rows;
  const samplers = parsed.samplers.map((operation): SamplerOperation => {
    if (operation.kind === 'close') return operation;
    const history = words.slice(at, at + operation.history);
    at += operation.history;
    if (operation.generatedTokens > history.length) throw new ProtocolError('A sampler has generated more than its history holds.');
    return { ...operation, history };
  });
  requireRange('slot', slots, RING_LIMITS.slots);
  requireRange('position', positions, RING_LIMITS.contextTokens);
  requireRange('token', tokens, RING_LIMITS.vocabulary);
  for (const [row] of parsed.outputs) {
    if (row >= rows) throw new ProtocolError(`A step of ${rows} rows wants a token after row ${row}.`);
  }
  const memory: readonly MemoryOperation[] = parsed.memory;
  const step: Step = {
    id: parsed.id,
    epoch: parsed.epoch,
    memory,
    samplers,
    slots,
    positions,
    tokens,
    outputs: parsed.outputs.map(([row, slot, logprobs]) => ({ row, slot: slotIndex(slot), logprobs })),
  };
  return { step, timings: parsed.timings.map((computeMs) => ({ computeMs })), activations: payload.subarray(start) };
}

function requireRange(what: string, values: Int32Array, end: number): void {
  for (const value of values) if (value < 0 || value >= end) throw new ProtocolError(`A step has the ${what} ${value}.`);
}

function alignTo8(bytes: number): number {
  return (bytes + 7) & ~7;
}
