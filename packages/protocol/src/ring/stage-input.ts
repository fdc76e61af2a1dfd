import { InvalidInputError, type ActivationFormat, type StageInfo, type Step, type StageTiming } from '@pippa/core';
import { ProtocolError } from '../errors.ts';
import { bytesPerActivation, unpackActivations } from './activations.ts';
import { decodeStep } from './step-frame.ts';

export interface StageInput {
  readonly step: Step;
  readonly hidden: Float32Array<ArrayBuffer> | undefined;
  readonly timings: readonly StageTiming[];
}

/**
 * A step frame as a stage's input. Throws `ProtocolError` for one that the stage cannot compute: rows or slots beyond what it was opened
 * for, hidden states of another width, or values that are no numbers (a neighbour with broken memory poisons every sequence it touches).
 */
export function readStageInput(frame: Uint8Array, info: StageInfo, format: ActivationFormat): StageInput {
  const { step, timings, activations } = decodeStep(frame);
  const rows = step.slots.length;
  if (rows > info.maxRows) throw new ProtocolError(`A step has ${rows} rows, the stage takes ${info.maxRows}.`);
  for (const slot of step.slots) {
    if (slot >= info.parallelSequences) throw new ProtocolError(`A step uses slot ${slot} of ${info.parallelSequences}.`);
  }
  if (info.from === 0) {
    if (step.tokens.length !== rows) throw new ProtocolError('A step came to the first stage without its tokens.');
    for (const token of step.tokens) {
      if (token >= info.vocabularySize) throw new ProtocolError(`A step has the token ${token} of ${info.vocabularySize}.`);
    }
    return { step, hidden: undefined, timings };
  }
  const expected = rows * info.embeddingLength * bytesPerActivation(format);
  if (activations.length !== expected) {
    throw new ProtocolError(
      `A step of ${rows} rows came with ${activations.length} bytes of hidden states instead of ${expected}.`,
    );
  }
  try {
    const hidden = unpackActivations(activations, format);
    requireNumbers(hidden);
    return { step, hidden, timings };
  } catch (error) {
    if (error instanceof InvalidInputError) throw new ProtocolError(error.message, { cause: error });
    throw error;
  }
}

function requireNumbers(hidden: Float32Array): void {
  // A sum is NaN or infinite as soon as one value is; one pass without a branch a value.
  let sum = 0;
  for (let index = 0; index < hidden.length; index += 1) sum += (hidden[index] as number) * 0;
  if (sum !== 0) throw new ProtocolError('The hidden states of a step hold values that are no numbers.');
}
