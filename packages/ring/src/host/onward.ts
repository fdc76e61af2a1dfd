import type { Mesh, StageRunner, StageRunnerOutput, StageTiming, Step } from '@pippa/core';
import { encodeResult, packActivations, type ConductorMessage, type HostMessage, type StageOpenMessage } from '@pippa/protocol';
import { replaySteps } from './replay.ts';
import type { StageJournal } from './journal/stage-journal.ts';
import { WayOut } from './way-out.ts';
import { errorMessage } from '@pippa/core';

type Link = Extract<ConductorMessage, { kind: 'link' }>;

/** Where in its ring a stage is, as of the last `link`. */
export type Place = Pick<Link, 'epoch' | 'index' | 'firstStep' | 'endsReplay'>;

export interface OnwardParts {
  readonly mesh: Mesh;
  readonly order: StageOpenMessage;
  readonly runner: StageRunner;
  readonly journal: StageJournal;
  readonly send: (message: HostMessage) => void;
  readonly sendResult: (payload: Uint8Array) => void;
  /** Something is wrong with the stage that has this index in the ring. */
  readonly report: (index: number, code: string, message: string) => void;
}

/** What a stage computed goes on from here: into its journal, and to the next stage or back to the conductor. */
export class Onward {
  readonly #parts: OnwardParts;
  #place: Place = { epoch: -1, index: 0, firstStep: 0, endsReplay: false };
  /** The way to the next stage; undefined on the last one. */
  #next: WayOut | undefined;
  #closed = false;

  constructor(parts: OnwardParts) {
    this.#parts = parts;
  }

  /** Its epoch is -1 before the first `link`. */
  get place(): Place {
    return this.#place;
  }

  /** Nothing of earlier epochs goes out from here on. */
  enter(place: Place): void {
    this.#place = place;
  }

  /** The way of the last epoch. */
  leave(): void {
    void this.#next?.close();
    this.#next = undefined;
  }

  /** Opens the way to the next stage. Throws `PeerUnreachableError` or `StreamLostError`. */
  async open({ epoch, index, next, results, firstStep }: Link): Promise<void> {
    const { mesh, order, runner, journal, report } = this.#parts;
    const { ring, to, activations } = order;
    if (next === null) {
      if (results !== null) await runner.ways?.hand(results, { epoch, activations, copies: false, heldBelow: firstStep });
      return;
    }
    const way = await WayOut.open({
      mesh,
      runner,
      peer: next.peer,
      hello: { kind: 'hello', ring, epoch, from: to, to: next.to },
      activations,
      copies: journal.current !== undefined,
      heldBelow: firstStep,
    });
    if (!this.isIn(epoch)) {
      await way.close();
      return;
    }
    this.#next = way;
    void way.closed.then((error) => {
      if (this.#next !== way || this.#place.epoch !== epoch) return;
      this.#next = undefined;
      report(index + 1, 'link_lost', `The way to ${way.peer} was lost${error === undefined ? '' : `: ${error.message}`}.`);
    });
  }

  /** Whether the stage is still there, and in this epoch. */
  isIn(epoch: number): boolean {
    return !this.#closed && this.#place.epoch === epoch;
  }

  /** What came out of the runner. */
  take(output: StageRunnerOutput): void {
    const { order, journal, report, sendResult } = this.#parts;
    const { epoch, index, firstStep } = this.#place;
    if (output.kind === 'failure') {
      report(index, output.code, output.message);
    } else if (output.kind === 'result') {
      const { result } = output;
      if (result.epoch !== epoch) return;
      if (result.id < firstStep) this.#onReplayed(result.id);
      else sendResult(encodeResult(result));
    } else if (output.delivered === true) {
      // Of an earlier epoch, too: its result may have come back before this copy did, and the journal must have no gap.
      journal.current?.record(output.step, packActivations(output.hidden, order.activations).bytes);
    } else if (output.step.epoch === epoch && this.#next !== undefined) {
      this.#passOn(output);
    }
  }

  /** Sends what was journaled on again, as fast as the next stage takes it. */
  async replay(message: Extract<ConductorMessage, { kind: 'replay' }>): Promise<void> {
    const { order, journal, report } = this.#parts;
    const { epoch } = message;
    if (!this.isIn(epoch) || journal.current === undefined) return;
    const { firstStep, index } = this.#place;
    try {
      for await (const { step, activations } of replaySteps(message, { ...order, journal: journal.current, firstStep })) {
        if (!this.isIn(epoch)) return;
        await this.#send(step, activations, []);
      }
    } catch (error) {
      // A stream that is lost is told by its end.
      if (this.#place.epoch === epoch && this.#next !== undefined) report(index, 'replay_failed', errorMessage(error));
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const next = this.#next;
    this.#next = undefined;
    await next?.close();
  }

  #passOn({ step, hidden, timings }: Extract<StageRunnerOutput, { kind: 'hidden' }>): void {
    const { order, journal, report } = this.#parts;
    const { index, firstStep, endsReplay } = this.#place;
    const { bytes, overflows } = packActivations(hidden, order.activations);
    if (overflows > 0) {
      report(index, 'activation_overflow', `${overflows} hidden values do not fit 16 bits: use --activations f32 or bf16.`);
      return;
    }
    journal.current?.record(step, bytes);
    if (step.id < firstStep && endsReplay) {
      this.#onReplayed(step.id);
      return;
    }
    // One that fails does so because its stream is gone, which its end tells.
    this.#send(step, bytes, timings).catch(() => {});
  }

  #onReplayed(stepId: number): void {
    const { epoch, firstStep } = this.#place;
    if (stepId === firstStep - 1) this.#parts.send({ kind: 'replayed', epoch });
  }

  /** To the next stage; settles when more may be sent. */
  async #send(step: Step, activations: Uint8Array, timings: readonly StageTiming[]): Promise<void> {
    await this.#next?.send(step, activations, timings);
  }
}
