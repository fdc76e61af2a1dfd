import {
  errorMessage,
  PippaError,
  StageError,
  type CardStage,
  type Frame,
  type FrameStream,
  type Logger,
  type Mesh,
  type StageRunner,
  type StageRunnerOutput,
  type StageTiming,
  type StageWays,
  type Step,
  type WayTrouble,
} from '@pippa/core';
import {
  bytesPerActivation,
  encodeResult,
  isStepHeader,
  packActivations,
  parseConductorMessage,
  ProtocolError,
  readStageInput,
  RESULT_HEADER,
  type CheckpointMessage,
  type ConductorMessage,
  type HostMessage,
  type StageOpenMessage,
  type StepsHello,
} from '@pippa/protocol';
import { CheckpointReceiver } from './checkpoint-receiver.ts';
import { CheckpointSender } from './checkpoint-sender.ts';
import { Journal } from './journal/journal.ts';
import type { JournalSettings } from './journal/row-store.ts';
import type { Orphanage } from './orphanage.ts';
import type { StageLoader } from './stage-loader.ts';
import { replaySteps } from './replay.ts';
import { WayIn } from './way-in.ts';
import { WayOut } from './way-out.ts';

export interface HostedStageParts {
  readonly mesh: Mesh;
  readonly loader: StageLoader;
  readonly orphanage: Orphanage;
  readonly journal: JournalSettings;
  readonly logger: Logger;
  /** Something about the stage changed that the node card tells. */
  readonly onChange: () => void;
  readonly onClosed: (stage: HostedStage) => void;
  /** Unloads a spare of this node to make room; false: there is none. */
  readonly giveUpSpare: () => Promise<boolean>;
}

/** One stage for one conductor: it is opened, linked and closed over the control stream, and lives as long as that. */
export class HostedStage {
  readonly #control: FrameStream;
  readonly #parts: HostedStageParts;
  readonly #loading = new AbortController();
  #order: StageOpenMessage | undefined;
  #runner: StageRunner | undefined;
  #epoch = -1;
  /** What was sent on; undefined while nobody wants it. */
  #journal: Journal | undefined;
  /** To the spare of this stage. */
  readonly #sender: CheckpointSender;
  /** From the stage that this is the spare of. */
  #receiver: CheckpointReceiver | undefined;
  /** Steps with a lower id are replayed ones. */
  #firstStep = 0;
  /** Replayed steps go no further. */
  #endsReplay = false;
  /** Its place in the ring as of the last `link`. */
  #index = 0;
  /** The way to the next stage; undefined on the last one. */
  #next: WayOut | undefined;
  readonly #wayIn: WayIn;
  #closed = false;

  constructor(control: FrameStream, parts: HostedStageParts) {
    this.#control = control;
    this.#parts = parts;
    this.#sender = new CheckpointSender(parts.mesh);
    this.#wayIn = new WayIn({
      onFrame: (frame) => this.#guard(() => this.#onStep(frame)),
      onLost: ({ peer }, epoch) => {
        if (epoch === this.#epoch) this.#report(this.#index - 1, 'link_lost', `The way from ${peer} was lost.`);
      },
      offer: async (epoch) => {
        const activations = this.#order?.activations ?? 'f32';
        return (await this.#runner?.ways?.take({ epoch, activations, firstStep: this.#firstStep })) ?? null;
      },
    });
    control.onFrame((frame) => this.#guard(() => this.#onControl(frame)));
    void control.closed.then((error) => this.#onControlClosed(error));
  }

  /** What the node card tells of it; undefined while it is not loaded. */
  get card(): CardStage | undefined {
    const order = this.#order;
    if (order === undefined || this.#runner === undefined) return undefined;
    const { weights, context, compute } = this.#runner.info.memoryBytes;
    return {
      ring: order.ring,
      model: order.model.id,
      from: order.from,
      to: order.to,
      memoryBytes: weights + context + compute,
      ...(this.isSpare ? { spare: true } : {}),
    };
  }

  /** Loaded for when another node leaves, and not needed so far. */
  get isSpare(): boolean {
    return this.#order?.spare === true && this.#runner !== undefined && this.#epoch < 0 && !this.#closed;
  }

  get ways(): StageWays | undefined {
    return this.#runner?.ways;
  }

  /** Whether steps of this hello are for this stage. */
  matches({ ring, from, to, epoch }: StepsHello): boolean {
    const order = this.#order;
    return !this.#closed && order?.ring === ring && order.from === from && order.to === to && epoch >= this.#epoch;
  }

  /** Steps of the epoch that `hello` names come over this stream. */
  takeInput(hello: StepsHello, stream: FrameStream): void {
    this.#wayIn.take(hello, stream, this.#epoch);
  }

  /** Whether positions with this header are for this stage, which is a spare. */
  awaits({ ring, from }: CheckpointMessage): boolean {
    return this.isSpare && this.#order?.ring === ring && this.#order.from === from;
  }

  /** Part of the cache of the stage that this is the spare of. Settles when the next one may come. */
  async takeCheckpoint(message: CheckpointMessage, payload: Uint8Array): Promise<void> {
    await this.#receiver?.take(message, payload);
  }

  async close(): Promise<void> {
    await this.#control.close();
    await this.#release();
  }

  #onControl(frame: Frame): void {
    if (isStepHeader(frame.header)) {
      this.#onStep(frame);
      return;
    }
    const message = parseConductorMessage(frame.header);
    if (message.kind === 'link') {
      void this.#link(message);
      return;
    }
    if (message.kind === 'replay') {
      void this.#replay(message);
      return;
    }
    if (message.kind === 'checkpoint') {
      this.#checkpoint(message);
      return;
    }
    if (this.#order !== undefined) throw new ProtocolError('A stage was opened twice over one stream.');
    this.#order = message;
    void this.#open(message);
  }

  async #open(order: StageOpenMessage): Promise<void> {
    const { orphanage, logger, onChange } = this.#parts;
    const about = { ring: order.ring, model: order.model.name, from: order.from, to: order.to };
    try {
      if (order.from >= order.to || order.to > order.layerCount) {
        throw new ProtocolError(`Layers ${order.from} to ${order.to} of ${order.layerCount} are no stage.`);
      }
      const adopted = orphanage.adopt(order);
      if (adopted === undefined) await orphanage.clear();
      const runner = adopted ?? (await this.#load(order));
      if (this.#closed) {
        await runner[Symbol.asyncDispose]();
        return;
      }
      this.#runner = runner;
      runner.onOutput((output) => this.#guard(() => this.#onOutput(output)));
      runner.onLoss((error) => this.#onRunnerLost(runner, error));
      runner.ways?.onTrouble((trouble) => this.#onTrouble(trouble));
      if (order.spare) {
        this.#receiver = new CheckpointReceiver({
          runner,
          putRows: (slot, from, rows) => {
            const journal = rows.length > 0 ? this.#requireJournal(order, runner) : this.#journal;
            journal?.put(slot, from, rows);
          },
          report: (slot, held) => this.#send({ kind: 'checkpointed', slot, ...held }),
        });
      }
      logger.info({ ...about, adopted: adopted !== undefined }, 'stage loaded');
      this.#send({ kind: 'ready', info: runner.info });
      onChange();
    } catch (error) {
      if (this.#closed) return;
      logger.warn({ ...about, err: error }, 'stage refused');
      const known = error instanceof PippaError ? error : undefined;
      this.#send({
        kind: 'refused',
        code: known?.code ?? 'unexpected',
        message: errorMessage(error),
        ...(known?.hint === undefined ? {} : { hint: known.hint }),
      });
      await this.#control.close();
    }
  }

  async #load(order: StageOpenMessage): Promise<StageRunner> {
    const { loader, giveUpSpare } = this.#parts;
    for (;;) {
      try {
        return await loader.load(order, {
          onProgress: (phase, fraction) => this.#send({ kind: 'progress', phase, fraction }),
          signal: this.#loading.signal,
        });
      } catch (error) {
        // A spare never takes the place of another one, or two rings would take turns.
        const isShort = error instanceof PippaError && error.code === 'out_of_memory' && !order.spare;
        if (!isShort || !(await giveUpSpare())) throw error;
      }
    }
  }

  async #link(link: Extract<ConductorMessage, { kind: 'link' }>): Promise<void> {
    const { epoch, index, next } = link;
    const order = this.#order;
    const runner = this.#runner;
    if (order === undefined || runner === undefined) {
      this.#fail(new ProtocolError('A stage was linked before it was loaded.'));
      return;
    }
    if (epoch <= this.#epoch) return;
    const wasSpare = this.isSpare;
    this.#epoch = epoch;
    this.#index = index;
    if (wasSpare) this.#parts.onChange();
    this.#firstStep = link.firstStep;
    this.#endsReplay = link.endsReplay;
    const receiver = this.#receiver;
    this.#receiver = undefined;
    // First: nothing of the old epoch may follow what comes now into the stage.
    runner.ways?.close();
    if (link.cache === 'empty') this.#empty(runner, receiver);
    this.#keepJournal(link.journals && next !== null, order, runner);
    this.#wayIn.leaveEpoch();
    void this.#next?.close();
    this.#next = undefined;
    try {
      await receiver?.close();
      await this.#openWayOut(link, order, runner);
      if (this.#closed || this.#epoch !== epoch) return;
      this.#wayIn.enterEpoch(epoch);
      this.#send({ kind: 'linked', epoch, journal: this.#journal?.lengths() ?? [] });
    } catch (error) {
      this.#report(index + 1, 'link_lost', errorMessage(error));
    }
  }

  async #openWayOut(
    { epoch, index, next, results, firstStep }: Extract<ConductorMessage, { kind: 'link' }>,
    { ring, to, activations }: StageOpenMessage,
    runner: StageRunner,
  ): Promise<void> {
    if (next === null) {
      if (results !== null) await runner.ways?.hand(results, { epoch, activations, copies: false, heldBelow: firstStep });
      return;
    }
    const way = await WayOut.open({
      mesh: this.#parts.mesh,
      runner,
      peer: next.peer,
      hello: { kind: 'hello', ring, epoch, from: to, to: next.to },
      activations,
      copies: this.#journal !== undefined,
      heldBelow: firstStep,
    });
    if (this.#closed || this.#epoch !== epoch) {
      await way.close();
      return;
    }
    this.#next = way;
    void way.closed.then((error) => {
      if (this.#next !== way || this.#epoch !== epoch) return;
      this.#next = undefined;
      this.#report(index + 1, 'link_lost', `The way to ${way.peer} was lost${error === undefined ? '' : `: ${error.message}`}.`);
    });
  }

  #onTrouble({ way, epoch, code, message }: WayTrouble): void {
    if (epoch !== this.#epoch) return;
    // A way that broke says nothing about what the stages hold.
    const isLost = code === 'stream_lost';
    const guilty = way === 'in' ? this.#index - 1 : isLost ? this.#index + 1 : this.#index;
    this.#report(guilty, isLost ? 'link_lost' : code, message);
  }

  /** What a spare is just being given goes with the rest. */
  #empty(runner: StageRunner, receiver: CheckpointReceiver | undefined): void {
    const empty = (): void => {
      runner.reset();
      this.#journal?.clear();
    };
    if (receiver === undefined) empty();
    else void receiver.close().then(empty);
  }

  #checkpoint(message: Extract<ConductorMessage, { kind: 'checkpoint' }>): void {
    const order = this.#order;
    const runner = this.#runner;
    if (order === undefined || runner === undefined) throw new ProtocolError('A stage was to be copied before it was loaded.');
    this.#sender.send(message, { order, runner, journal: this.#journal }).catch((error: unknown) => {
      this.#parts.logger.debug({ err: error, slot: message.slot }, 'no checkpoint reached the spare');
    });
  }

  #requireJournal(order: StageOpenMessage, runner: StageRunner): Journal {
    const rowBytes = runner.info.embeddingLength * bytesPerActivation(order.activations);
    this.#journal ??= new Journal(rowBytes, this.#parts.journal);
    return this.#journal;
  }

  #keepJournal(isWanted: boolean, order: StageOpenMessage, runner: StageRunner): void {
    if (isWanted) {
      this.#requireJournal(order, runner);
      return;
    }
    const journal = this.#journal;
    this.#journal = undefined;
    void journal?.[Symbol.asyncDispose]().catch(() => {});
  }

  /** Sends what was journaled on again, as fast as the next stage takes it. */
  async #replay(message: Extract<ConductorMessage, { kind: 'replay' }>): Promise<void> {
    const { epoch } = message;
    const journal = this.#journal;
    const order = this.#order;
    if (epoch !== this.#epoch || journal === undefined || order === undefined) return;
    try {
      for await (const { step, activations } of replaySteps(message, { ...order, journal, firstStep: this.#firstStep })) {
        if (epoch !== this.#epoch || this.#closed) return;
        await this.#sendOn(step, activations, []);
      }
    } catch (error) {
      // A stream that is lost is told by its end.
      if (epoch === this.#epoch && this.#next !== undefined) this.#report(this.#index, 'replay_failed', errorMessage(error));
    }
  }

  #onRunnerLost(runner: StageRunner, error: Error): void {
    if (this.#runner !== runner) return;
    this.#runner = undefined;
    void Promise.resolve(runner[Symbol.asyncDispose]()).catch(() => {});
    this.#control.abort(new StageError(`The stage ended: ${error.message}`));
  }

  #onStep(frame: Frame): void {
    const runner = this.#runner;
    const order = this.#order;
    if (runner === undefined || order === undefined) throw new ProtocolError('A step came before the stage was loaded.');
    const { step, hidden, timings } = readStageInput(frame.payload, runner.info, order.activations);
    // What was under way when the ring changed concerns nobody any more.
    if (step.epoch !== this.#epoch) return;
    runner.submit(step, hidden, timings);
  }

  #onOutput(output: StageRunnerOutput): void {
    if (output.kind === 'failure') {
      this.#report(this.#index, output.code, output.message);
    } else if (output.kind === 'result') {
      const { result } = output;
      if (result.epoch !== this.#epoch) return;
      if (result.id < this.#firstStep) this.#onReplayed(result.id);
      else this.#forget(this.#control.send(RESULT_HEADER, encodeResult(result)));
    } else if (output.delivered === true) {
      // Of an earlier epoch, too: its result may have come back before this copy did, and the journal must have no gap.
      this.#journal?.record(output.step, packActivations(output.hidden, this.#order?.activations ?? 'f32').bytes);
    } else if (output.step.epoch === this.#epoch && this.#next !== undefined) {
      this.#onHidden(output);
    }
  }

  #onHidden({ step, hidden, timings }: Extract<StageRunnerOutput, { kind: 'hidden' }>): void {
    const { bytes, overflows } = packActivations(hidden, this.#order?.activations ?? 'f32');
    if (overflows > 0) {
      this.#report(
        this.#index,
        'activation_overflow',
        `${overflows} hidden values do not fit 16 bits: use --activations f32 or bf16.`,
      );
      return;
    }
    this.#journal?.record(step, bytes);
    if (step.id < this.#firstStep && this.#endsReplay) this.#onReplayed(step.id);
    else this.#forget(this.#sendOn(step, bytes, timings));
  }

  #onReplayed(stepId: number): void {
    if (stepId === this.#firstStep - 1) this.#send({ kind: 'replayed', epoch: this.#epoch });
  }

  /** To the next stage; settles when more may be sent. */
  async #sendOn(step: Step, activations: Uint8Array, timings: readonly StageTiming[]): Promise<void> {
    await this.#next?.send(step, activations, timings);
  }

  #report(index: number, code: string, message: string): void {
    if (this.#closed) return;
    this.#parts.logger.warn({ ring: this.#order?.ring, stage: index, code }, message);
    this.#send({ kind: 'failure', epoch: Math.max(0, this.#epoch), index: Math.max(0, index), code, message });
  }

  #send(message: HostMessage): void {
    if (!this.#closed) this.#forget(this.#control.send(message));
  }

  /** A send that fails does so because its stream is gone, which `closed` tells too. */
  #forget(sent: Promise<void>): void {
    sent.catch(() => {});
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(error instanceof PippaError ? error : new StageError('The stage host failed.', { cause: error }));
    }
  }

  #fail(error: PippaError): void {
    // What came over the link from the neighbour is the neighbour's fault; the conductor decides what becomes of the ring.
    if (error instanceof ProtocolError && this.#wayIn.refuse(error)) {
      this.#report(this.#index - 1, error.code, error.message);
      return;
    }
    this.#parts.logger.warn({ err: error }, 'dropping a conductor');
    this.#control.abort(error);
  }

  #onControlClosed(error: PippaError | undefined): void {
    const order = this.#order;
    const runner = this.#runner;
    if (error !== undefined && order !== undefined && runner !== undefined && !(error instanceof ProtocolError)) {
      this.#runner = undefined;
      runner.ways?.close();
      this.#parts.orphanage.add(order, runner);
    }
    void this.#release();
  }

  async #release(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#loading.abort(new StageError('The conductor of the stage is gone.'));
    this.#wayIn.close();
    const next = this.#next;
    this.#next = undefined;
    const runner = this.#runner;
    this.#runner = undefined;
    const journal = this.#journal;
    this.#journal = undefined;
    await this.#sender.close();
    await this.#receiver?.close();
    await next?.close();
    await journal?.[Symbol.asyncDispose]();
    await runner?.[Symbol.asyncDispose]();
    this.#parts.onClosed(this);
    this.#parts.onChange();
  }
}
