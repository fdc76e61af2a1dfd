import {
  errorMessage,
  type Frame,
  type FrameStream,
  type Logger,
  type Mesh,
  type PippaError,
  type StageRunner,
  type WayTrouble,
} from '@pippa/core';
import {
  bytesPerActivation,
  readStageInput,
  type CheckpointMessage,
  type ConductorMessage,
  type HostMessage,
  type StageOpenMessage,
  type StepsHello,
} from '@pippa/protocol';
import { CheckpointReceiver } from './checkpoint-receiver.ts';
import { CheckpointSender } from './checkpoint-sender.ts';
import type { JournalSettings } from './journal/row-store.ts';
import { StageJournal } from './journal/stage-journal.ts';
import { Onward } from './onward.ts';
import { WayIn } from './way-in.ts';

export interface LoadedStageParts {
  readonly mesh: Mesh;
  readonly journal: JournalSettings;
  readonly logger: Logger;
  readonly order: StageOpenMessage;
  readonly runner: StageRunner;
  readonly send: (message: HostMessage) => void;
  readonly sendResult: (payload: Uint8Array) => void;
  /** Runs what was called from outside, and takes care of what it throws. */
  readonly guard: (action: () => void) => void;
  /** A spare became a stage. */
  readonly onPromoted: () => void;
}

/** A stage that is loaded: linked from epoch to epoch, it takes steps, computes them and passes them on. */
export class LoadedStage {
  readonly #parts: LoadedStageParts;
  readonly #journal: StageJournal;
  readonly #wayIn: WayIn;
  readonly #onward: Onward;
  /** To the spare of this stage. */
  readonly #sender: CheckpointSender;
  /** From the stage that this is the spare of. */
  #receiver: CheckpointReceiver | undefined;
  #closed = false;

  constructor(parts: LoadedStageParts) {
    this.#parts = parts;
    const { mesh, order, runner, send, sendResult, guard } = parts;
    this.#journal = new StageJournal(runner.info.embeddingLength * bytesPerActivation(order.activations), parts.journal);
    this.#sender = new CheckpointSender(mesh);
    const report = (index: number, code: string, message: string): void => this.#report(index, code, message);
    this.#onward = new Onward({ mesh, order, runner, journal: this.#journal, send, sendResult, report });
    this.#wayIn = new WayIn({
      onFrame: (frame) => guard(() => this.takeStep(frame)),
      onLost: ({ peer }, epoch) => {
        const { index } = this.#onward.place;
        if (epoch === this.epoch) this.#report(index - 1, 'link_lost', `The way from ${peer} was lost.`);
      },
      offer: async (epoch) => {
        const { activations } = order;
        return (await runner.ways?.take({ epoch, activations, firstStep: this.#onward.place.firstStep })) ?? null;
      },
    });
    if (order.spare) {
      this.#receiver = new CheckpointReceiver({
        runner,
        putRows: (slot, from, rows) => this.#journal.put(slot, from, rows),
        report: (slot, held) => send({ kind: 'checkpointed', slot, ...held }),
      });
    }
    runner.onOutput((output) => guard(() => this.#onward.take(output)));
    runner.ways?.onTrouble((trouble) => this.#onTrouble(trouble));
  }

  /** -1 before the first `link`. */
  get epoch(): number {
    return this.#onward.place.epoch;
  }

  /** Steps of the epoch that `hello` names come over this stream. */
  takeInput(hello: StepsHello, stream: FrameStream): void {
    this.#wayIn.take(hello, stream, this.epoch);
  }

  /** A step of the conductor or of the stage before. Throws `ProtocolError` for what is none. */
  takeStep(frame: Frame): void {
    const { runner, order } = this.#parts;
    const { step, hidden, timings } = readStageInput(frame.payload, runner.info, order.activations);
    // What was under way when the ring changed concerns nobody any more.
    if (step.epoch !== this.epoch) return;
    runner.submit(step, hidden, timings);
  }

  /** Part of the cache of the stage that this is the spare of. Settles when the next one may come. */
  async takeCheckpoint(message: CheckpointMessage, payload: Uint8Array): Promise<void> {
    await this.#receiver?.take(message, payload);
  }

  /** Puts it into its place in a new epoch, with a way to the next stage. */
  async link(link: Extract<ConductorMessage, { kind: 'link' }>): Promise<void> {
    const { runner, send, onPromoted } = this.#parts;
    const { epoch, index, next } = link;
    if (epoch <= this.epoch) return;
    const isFirst = this.epoch < 0;
    this.#onward.enter(link);
    if (isFirst) onPromoted();
    const receiver = this.#receiver;
    this.#receiver = undefined;
    // First: nothing of the old epoch may follow what comes now into the stage.
    runner.ways?.close();
    if (link.cache === 'empty') this.#empty(receiver);
    this.#journal.keep(link.journals && next !== null);
    this.#wayIn.leaveEpoch();
    this.#onward.leave();
    try {
      await receiver?.close();
      if (!this.#onward.isIn(epoch)) return;
      await this.#onward.open(link);
      if (!this.#onward.isIn(epoch)) return;
      this.#wayIn.enterEpoch(epoch);
      send({ kind: 'linked', epoch, journal: this.#journal.current?.lengths() ?? [] });
    } catch (error) {
      // A later epoch has another neighbour there.
      if (this.#onward.isIn(epoch)) this.#report(index + 1, 'link_lost', errorMessage(error));
    }
  }

  /** Sends on again what was journaled. */
  replay(message: Extract<ConductorMessage, { kind: 'replay' }>): Promise<void> {
    return this.#onward.replay(message);
  }

  /** Sends part of its cache to its spare. */
  checkpoint(message: Extract<ConductorMessage, { kind: 'checkpoint' }>): void {
    const { order, runner, logger } = this.#parts;
    this.#sender.send(message, { order, runner, journal: this.#journal.current }).catch((error: unknown) => {
      logger.debug({ err: error, slot: message.slot }, 'no checkpoint reached the spare');
    });
  }

  /** What came over the way from the neighbour is the neighbour's fault; false: nothing comes from one. */
  blameNeighbour(error: PippaError): boolean {
    if (!this.#wayIn.refuse(error)) return false;
    this.#report(this.#onward.place.index - 1, error.code, error.message);
    return true;
  }

  /** Ends everything but the runner. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wayIn.close();
    const onward = this.#onward.close();
    await this.#sender.close();
    await this.#receiver?.close();
    await onward;
    await this.#journal.close();
  }

  #onTrouble({ way, epoch, code, message }: WayTrouble): void {
    if (epoch !== this.epoch) return;
    const { index } = this.#onward.place;
    // A way that broke says nothing about what the stages hold.
    const isLost = code === 'stream_lost';
    const guilty = way === 'in' ? index - 1 : isLost ? index + 1 : index;
    this.#report(guilty, isLost ? 'link_lost' : code, message);
  }

  /** What a spare is just being given goes with the rest. */
  #empty(receiver: CheckpointReceiver | undefined): void {
    const empty = (): void => {
      this.#parts.runner.reset();
      this.#journal.current?.clear();
    };
    if (receiver === undefined) empty();
    else void receiver.close().then(empty);
  }

  #report(index: number, code: string, message: string): void {
    if (this.#closed) return;
    const { logger, order, send } = this.#parts;
    // The conductor hears of it and decides what becomes of the ring.
    logger.info({ ring: order.ring, model: order.model.name, stage: index, code }, message);
    send({ kind: 'failure', epoch: Math.max(0, this.epoch), index: Math.max(0, index), code, message });
  }
}
