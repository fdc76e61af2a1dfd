import { chainLimits, type Logger, type StageChain } from '@pippa/core';
import { moveSequences, planCarryOver, type CarriedOver } from './carry-over.ts';
import type { Placement } from './choose-placement.ts';
import { decideAdmission } from './plan-admission.ts';
import { decideRoom } from './plan-room.ts';
import type { PlannedRows } from './plan-step.ts';
import type { Sequence } from './sequence.ts';
import type { ConductorSettings } from './settings.ts';
import { SlotTable, type SlotMark } from './slot-table.ts';
import { StepBuilder, type BuiltStep } from './step-builder.ts';
import type { Tally } from './tally.ts';
import { WaitingLine } from './waiting-line.ts';

export interface RosterParts {
  readonly chain: StageChain;
  readonly settings: ConductorSettings;
  readonly tally: Tally;
  readonly logger: Logger;
}

/** Who has a slot of the chain and who waits for one. Who gets or loses one is decided by the pure functions of `plan-*.ts`. */
export class Roster {
  /** Tokens one sequence may hold. */
  readonly contextTokens: number;
  readonly waiting: WaitingLine;
  readonly #settings: ConductorSettings;
  readonly #tally: Tally;
  readonly #logger: Logger;
  /** In the order of admission. */
  readonly #running: Sequence[] = [];
  #limits: ReturnType<typeof chainLimits>;
  #slots: SlotTable;
  #steps: StepBuilder;
  /** How many sequences left their slots so far. */
  #departures = 0;

  constructor({ chain, settings, tally, logger }: RosterParts) {
    this.#settings = settings;
    this.#tally = tally;
    this.#logger = logger;
    this.#limits = chainLimits(chain.stages);
    this.contextTokens = Math.min(settings.contextTokens, this.#limits.contextCells);
    this.waiting = new WaitingLine(settings.batchAgeingMs);
    // Caches that are taken to be empty are made so: stages may have served others before.
    this.#slots = new SlotTable(0).carryOver(this.#limits.parallelSequences, new Map());
    this.#steps = new StepBuilder(this.#slots, { epoch: chain.epoch ?? 0, stepId: 0 });
  }

  get running(): readonly Sequence[] {
    return this.#running;
  }

  get isEmpty(): boolean {
    return this.#running.length + this.waiting.length === 0;
  }

  get limits(): Readonly<ReturnType<typeof chainLimits>> {
    return this.#limits;
  }

  get slotCount(): number {
    return this.#slots.all.length;
  }

  get freeSlots(): number {
    return this.#slots.all.filter((slot) => slot.owner === undefined).length;
  }

  get usedCells(): number {
    return this.#slots.ledger.used;
  }

  /** The last step that was built. */
  get stepId(): number {
    return this.#steps.stepId;
  }

  /** Gives slots to those who wait, as far as there are any. */
  admit(nowMs: number): void {
    for (;;) {
      const sequence = this.waiting.next(nowMs, (candidate) => !candidate.waitsForPrefix);
      if (sequence === undefined) return;
      if (sequence.waitsFor?.kind === 'departure' && sequence.waitsFor.departures === this.#departures) return;
      const decision = decideAdmission(sequence, {
        running: this.#running,
        slots: this.#slots.all,
        ledger: this.#slots.ledger,
        contextCells: this.#limits.contextCells,
        contextTokens: this.contextTokens,
        marginTokens: this.#settings.marginTokens,
        rules: { canTruncate: this.#limits.canTruncate, reuse: this.#settings.fixedShapes === undefined },
      });
      switch (decision.kind) {
        case 'wait':
          sequence.waitsFor = { kind: 'departure', departures: this.#departures };
          return;
        case 'follow':
          sequence.waitsFor = { kind: 'prefix', leader: decision.leader, stay: decision.leader.stay, until: decision.until };
          break;
        case 'preempt':
          this.#preempt(decision.victim, nowMs);
          break;
        case 'admit':
          this.#seat(sequence, decision.placement, nowMs);
          break;
      }
    }
  }

  /** Gives up caches, or in need places, until those who run find cells for what they are about to compute. */
  makeRoom(nowMs: number): void {
    for (;;) {
      const decision = decideRoom({
        running: this.#running,
        slots: this.#slots.all,
        usedCells: this.#slots.ledger.used,
        contextCells: this.#limits.contextCells,
        canTruncate: this.#limits.canTruncate,
      });
      if (decision === undefined) return;
      if (decision.kind === 'trim') this.#slots.trim(decision.slot, decision.length);
      else this.#preempt(decision.victim, nowMs);
    }
  }

  /** The next step. */
  build(planned: readonly PlannedRows<Sequence>[]): BuiltStep {
    return this.#steps.build(planned);
  }

  /** The step that these marks came with is through all stages. */
  commit(marks: readonly SlotMark[]): void {
    this.#slots.commit(marks);
  }

  /** Wherever it is; its slot keeps its tokens for whoever begins alike. */
  remove(sequence: Sequence): void {
    this.waiting.remove(sequence);
    this.#leaveSlot(sequence);
  }

  /** What is certain about the caches of the chain. */
  carryOver(): CarriedOver {
    const { contextCells, canTruncate } = this.#limits;
    const fixedShapes = this.#settings.fixedShapes !== undefined;
    const kept = planCarryOver({ running: this.#running, contextCells, canTruncate, fixedShapes });
    const versions = new Map([...kept.keys()].map((slot) => [slot, this.#slots.all[slot]?.version ?? 0]));
    return { kept, versions, lastStep: this.#steps.stepId, journals: canTruncate && !fixedShapes };
  }

  /** Goes over to another chain, which holds what `carried` says; those who have no place in it wait. Left out: its caches are empty. */
  moveTo(chain: StageChain, carried: CarriedOver | undefined, nowMs: number): void {
    this.#limits = chainLimits(chain.stages);
    const slots = this.#limits.parallelSequences;
    this.#slots = carried === undefined ? new SlotTable(slots) : this.#slots.carryOver(slots, carried.kept);
    this.#steps = new StepBuilder(this.#slots, { epoch: chain.epoch ?? 0, stepId: carried?.lastStep ?? this.#steps.stepId });
    // A step that nobody waited for may have moved the samplers on; what is needed of them is opened anew.
    if (carried !== undefined) for (const slot of this.#slots.all) this.#steps.closeSampler(slot.index);
    for (const sequence of moveSequences(this.#running, this.#slots.all, nowMs)) this.waiting.add(sequence);
    for (const sequence of this.waiting.all()) sequence.waitsFor = undefined;
  }

  #seat(sequence: Sequence, placement: Placement, nowMs: number): void {
    this.waiting.remove(sequence);
    this.#slots.occupy(placement, sequence);
    if (sequence.admittedMs === undefined) {
      this.#tally.promptTokens += sequence.promptLength;
      this.#tally.cachedTokens += placement.cached;
    }
    sequence.enter(placement.target, placement.cached, nowMs);
    this.#running.push(sequence);
  }

  /** The sequence gives up its place and its KV and waits to be replayed; its consumer sees only a pause. */
  #preempt(sequence: Sequence, nowMs: number): void {
    const { slot } = sequence;
    this.#leaveSlot(sequence);
    if (slot !== undefined) this.#slots.trim(slot, 0);
    sequence.pushedOut(nowMs);
    this.waiting.add(sequence);
    this.#tally.preemptions += 1;
    this.#logger.debug({ sequence: sequence.id, tokens: sequence.tokens.length }, 'preempted');
  }

  #leaveSlot(sequence: Sequence): void {
    const { slot, samplerOpen } = sequence;
    if (slot === undefined) return;
    this.#departures += 1;
    this.#running.splice(this.#running.indexOf(sequence), 1);
    sequence.leave();
    this.#slots.release(slot);
    if (samplerOpen) this.#steps.closeSampler(slot.index);
  }
}
