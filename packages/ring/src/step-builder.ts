import type { SamplerOperation, Slot, Step, StepOutput } from '@pippa/core';
import type { PlannedRows } from './plan-step.ts';
import type { Sequence } from './sequence.ts';
import type { SlotMark, SlotState, SlotTable } from './slot-table.ts';

/** Whose rows a step carries, as it was when the step was built: by the time it is back the sequence may be gone or elsewhere. */
export interface StepEntry extends PlannedRows<Sequence> {
  readonly slot: Slot;
  readonly stay: number;
}

export interface BuiltStep {
  readonly step: Step;
  readonly entries: readonly StepEntry[];
  /** What is certain once the step is through. */
  readonly marks: readonly SlotMark[];
}

/** Makes steps out of plans and keeps the books: which rows of which sequence are under way, what the samplers have to be told. */
export class StepBuilder {
  readonly #slots: SlotTable;
  #samplers: SamplerOperation[] = [];
  readonly #epoch: number;
  #stepId: number;

  /** `stepId`: the last one that was used. */
  constructor(slots: SlotTable, { epoch, stepId }: { readonly epoch: number; readonly stepId: number }) {
    this.#slots = slots;
    this.#epoch = epoch;
    this.#stepId = stepId;
  }

  /** The last step's id; 0 before the first. */
  get stepId(): number {
    return this.#stepId;
  }

  /** The slot's sampler is not needed any more. */
  closeSampler(slot: Slot): void {
    this.#samplers.push({ kind: 'close', slot });
  }

  build(planned: readonly PlannedRows<Sequence>[]): BuiltStep {
    this.#stepId += 1;
    const rowCount = planned.reduce((sum, { count }) => sum + count, 0);
    const slots = new Int32Array(rowCount);
    const positions = new Int32Array(rowCount);
    const tokens = new Int32Array(rowCount);
    const outputs: StepOutput[] = [];
    const entries: StepEntry[] = [];
    let row = 0;
    for (const rows of planned) {
      const { sequence, count, wantsToken } = rows;
      const slot = sequence.slot as SlotState;
      slots.fill(slot.index, row, row + count);
      for (let index = 0; index < count; index += 1) positions[row + index] = sequence.submitted + index;
      sequence.tokens.copyTo(tokens, row, sequence.submitted, count);
      row += count;
      // With the first chunk, not the last: a grammar that does not parse is found before the prompt is computed.
      if (!sequence.samplerOpen) this.#samplers.push(openSampler(sequence, slot.index));
      sequence.samplerOpen = true;
      if (wantsToken) outputs.push({ row: row - 1, slot: slot.index, logprobs: sequence.request.logprobs });
      entries.push({ ...rows, slot: slot.index, stay: sequence.stay });
      sequence.submitted += count;
      sequence.stepsInFlight += 1;
      sequence.lastStep = this.#stepId;
      this.#slots.append(slot, count, this.#stepId);
    }
    const memory = this.#slots.takeOperations();
    const samplers = this.#samplers;
    this.#samplers = [];
    const step: Step = { id: this.#stepId, epoch: this.#epoch, memory, samplers, slots, positions, tokens, outputs };
    return { step, entries, marks: this.#slots.takeMarks() };
  }
}

function openSampler({ request, tokens, generated }: Sequence, slot: Slot): SamplerOperation {
  const history = tokens.last(Math.max(request.sampler.penaltyLastTokens, generated));
  return { kind: 'open', slot, settings: request.sampler, history, generatedTokens: generated };
}
