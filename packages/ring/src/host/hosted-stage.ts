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
  type StageWays,
} from '@pippa/core';
import {
  isStepHeader,
  parseConductorMessage,
  ProtocolError,
  RESULT_HEADER,
  type CheckpointMessage,
  type HostMessage,
  type StageOpenMessage,
  type StepsHello,
} from '@pippa/protocol';
import type { JournalSettings } from './journal/row-store.ts';
import { LoadedStage } from './loaded-stage.ts';
import type { Orphanage } from './orphanage.ts';
import { bytesOf } from './runner-bytes.ts';
import type { StageLoader } from './stage-loader.ts';

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
  /** Settles when what is being unloaded on this node is; false: nothing is. */
  readonly untilUnloaded: () => Promise<boolean>;
}

/** One stage for one conductor: it is opened, linked and closed over the control stream, and lives as long as that. */
export class HostedStage {
  readonly #control: FrameStream;
  readonly #parts: HostedStageParts;
  readonly #loading = new AbortController();
  #order: StageOpenMessage | undefined;
  #runner: StageRunner | undefined;
  /** Undefined before it is loaded. */
  #stage: LoadedStage | undefined;
  #closed = false;
  #releasing: Promise<void> | undefined;
  #unloadingBytes = 0;
  /** Settles when it is loaded or is not going to be. */
  #opening: Promise<void> | undefined;

  constructor(control: FrameStream, parts: HostedStageParts) {
    this.#control = control;
    this.#parts = parts;
    control.onFrame((frame) => this.#guard(() => this.#onControl(frame)));
    void control.closed.then((error) => this.#onControlClosed(error));
  }

  /** What the node card tells of it; undefined while it is not loaded. */
  get card(): CardStage | undefined {
    const order = this.#order;
    if (order === undefined || this.#runner === undefined) return undefined;
    return {
      ring: order.ring,
      model: order.model.id,
      from: order.from,
      to: order.to,
      memoryBytes: bytesOf(this.#runner),
      ...(this.isSpare ? { spare: true } : {}),
    };
  }

  /** Loaded for when another node leaves, and not needed so far. */
  get isSpare(): boolean {
    return this.#order?.spare === true && this.#runner !== undefined && this.#stage?.epoch === -1 && !this.#closed;
  }

  get ways(): StageWays | undefined {
    return this.#runner?.ways;
  }

  /** Whether steps of this hello are for this stage. */
  matches({ ring, from, to, epoch }: StepsHello): boolean {
    const order = this.#order;
    const isOurs = order?.ring === ring && order.from === from && order.to === to;
    return !this.#closed && isOurs && this.#stage !== undefined && epoch >= this.#stage.epoch;
  }

  /** Steps of the epoch that `hello` names come over this stream. */
  takeInput(hello: StepsHello, stream: FrameStream): void {
    this.#stage?.takeInput(hello, stream);
  }

  /** Whether positions with this header are for this stage, which is a spare. */
  awaits({ ring, from }: CheckpointMessage): boolean {
    return this.isSpare && this.#order?.ring === ring && this.#order.from === from;
  }

  /** Part of the cache of the stage that this is the spare of. Settles when the next one may come. */
  async takeCheckpoint(message: CheckpointMessage, payload: Uint8Array): Promise<void> {
    await this.#stage?.takeCheckpoint(message, payload);
  }

  /** Settles when it is unloaded; undefined while nobody wants that. */
  get unloading(): Promise<void> | undefined {
    return this.#releasing;
  }

  /** What it gives back once it is unloaded; 0 while nobody wants that, and afterwards. */
  get unloadingBytes(): number {
    return this.#unloadingBytes;
  }

  async close(): Promise<void> {
    await this.#control.close();
    await this.#release();
  }

  #onControl(frame: Frame): void {
    if (isStepHeader(frame.header)) {
      this.#requireStage('took a step').takeStep(frame);
      return;
    }
    const message = parseConductorMessage(frame.header);
    switch (message.kind) {
      case 'link':
        void this.#requireStage('was linked').link(message);
        break;
      case 'replay':
        void this.#stage?.replay(message);
        break;
      case 'checkpoint':
        this.#requireStage('was to be copied').checkpoint(message);
        break;
      case 'open':
        if (this.#order !== undefined) throw new ProtocolError('A stage was opened twice over one stream.');
        this.#order = message;
        this.#opening = this.#open(message);
        break;
    }
  }

  #requireStage(what: string): LoadedStage {
    if (this.#stage === undefined || this.#runner === undefined) throw new ProtocolError(`A stage ${what} before it was loaded.`);
    return this.#stage;
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
        onChange();
        return;
      }
      this.#runner = runner;
      runner.onLoss((error) => this.#onRunnerLost(runner, error));
      this.#stage = this.#take(order, runner);
      logger.info({ ...about, adopted: adopted !== undefined }, 'stage loaded');
      this.#send({ kind: 'ready', info: runner.info });
      onChange();
    } catch (error) {
      // What loading took is given back by now.
      onChange();
      if (this.#closed) return;
      const known = error instanceof PippaError ? error : undefined;
      // Room that went meanwhile is nothing to see to: whoever asked for the stage is told, and looks for another node.
      if (known?.code === 'out_of_memory') logger.info({ ...about, err: error }, 'stage refused');
      else logger.warn({ ...about, err: error }, 'stage refused');
      this.#send({
        kind: 'refused',
        code: known?.code ?? 'unexpected',
        message: errorMessage(error),
        ...(known?.hint === undefined ? {} : { hint: known.hint }),
      });
      await this.#control.close();
    }
  }

  #take(order: StageOpenMessage, runner: StageRunner): LoadedStage {
    const { mesh, journal, logger, onChange } = this.#parts;
    return new LoadedStage({
      mesh,
      journal,
      logger,
      order,
      runner,
      send: (message) => this.#send(message),
      sendResult: (payload) => this.#forget(this.#control.send(RESULT_HEADER, payload)),
      guard: (action) => this.#guard(action),
      onPromoted: () => {
        if (order.spare) onChange();
      },
    });
  }

  async #load(order: StageOpenMessage): Promise<StageRunner> {
    const { loader, giveUpSpare, untilUnloaded } = this.#parts;
    for (;;) {
      try {
        return await loader.load(order, {
          onProgress: (phase, fraction) => this.#send({ kind: 'progress', phase, fraction }),
          signal: this.#loading.signal,
        });
      } catch (error) {
        if (!(error instanceof PippaError) || error.code !== 'out_of_memory') throw error;
        // A conductor that plans anew closes stages and opens others at once.
        if (await untilUnloaded()) continue;
        // A spare never takes the place of another one, or two rings would take turns.
        if (order.spare || !(await giveUpSpare())) throw error;
      }
    }
  }

  #onRunnerLost(runner: StageRunner, error: Error): void {
    if (this.#runner !== runner) return;
    this.#runner = undefined;
    void Promise.resolve(runner[Symbol.asyncDispose]()).catch(() => {});
    this.#control.abort(new StageError(`The stage ended: ${error.message}`));
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
    // The conductor decides what becomes of the ring.
    if (error instanceof ProtocolError && this.#stage?.blameNeighbour(error) === true) return;
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

  /** Settles when nothing is held any more, whoever asked for it first. */
  #release(): Promise<void> {
    this.#releasing ??= this.#letGo();
    return this.#releasing;
  }

  async #letGo(): Promise<void> {
    this.#closed = true;
    this.#loading.abort(new StageError('The conductor of the stage is gone.'));
    const runner = this.#runner;
    const isLoading = this.#opening !== undefined && this.#stage === undefined;
    // What loads has its memory taken, too, and stops as soon as it can.
    this.#unloadingBytes = runner === undefined ? (isLoading ? (this.#order?.expectedBytes ?? 0) : 0) : bytesOf(runner);
    this.#runner = undefined;
    if (this.#unloadingBytes > 0) this.#parts.onChange();
    try {
      await this.#stage?.close();
      await runner?.[Symbol.asyncDispose]();
      await this.#opening;
    } catch (error) {
      this.#parts.logger.warn({ err: error }, 'a stage was not unloaded in order');
    }
    this.#unloadingBytes = 0;
    this.#parts.onClosed(this);
    this.#parts.onChange();
  }
}
