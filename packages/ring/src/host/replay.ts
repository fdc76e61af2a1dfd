import { slot as toSlot, StageError, type MemoryOperation, type Step } from '@pippa/core';
import type { ConductorMessage } from '@pippa/protocol';
import type { Journal } from './journal/journal.ts';

export interface ReplayOptions {
  readonly journal: Journal;
  /** Ids of the steps end right before it. */
  readonly firstStep: number;
  readonly parallelSequences: number;
  readonly maxRows: number;
}

/** The steps that give what was journaled to the stage behind again. Throws `StageError` when the journal has not all of it. */
export async function* replaySteps(
  { epoch, slots }: Extract<ConductorMessage, { kind: 'replay' }>,
  { journal, firstStep, parallelSequences, maxRows }: ReplayOptions,
): AsyncGenerator<{ readonly step: Step; readonly activations: Uint8Array }, void> {
  const rows = slots.reduce((sum, [, from, to]) => sum + to - from, 0);
  const starts = new Map(slots.map(([slot, from]) => [slot, from]));
  // Whatever the stages hold beyond it.
  let memory: readonly MemoryOperation[] = Array.from({ length: parallelSequences }, (_, index) => ({
    kind: 'remove',
    slot: toSlot(index),
    from: starts.get(toSlot(index)) ?? 0,
    to: -1,
  }));
  let id = firstStep - Math.ceil(rows / maxRows);
  for await (const { activations, ...batch } of journal.batches(slots, maxRows)) {
    yield { step: { ...batch, id, epoch, memory, samplers: [], tokens: new Int32Array(0), outputs: [] }, activations };
    memory = [];
    id += 1;
  }
  if (id !== firstStep) throw new StageError('The journal lacks rows that it was asked for.');
}
