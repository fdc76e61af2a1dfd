import {
  PippaError,
  StageError,
  type CardStage,
  type Clock,
  type FrameStream,
  type Logger,
  type Mesh,
  type StageWays,
  type Startable,
} from '@pippa/core';
import {
  CHECKPOINT_PROTOCOL,
  parseCheckpointMessage,
  parseStepsHello,
  ProtocolError,
  STAGE_PROTOCOL,
  STEPS_PROTOCOL,
  type StepsHello,
} from '@pippa/protocol';
import { HostedStage } from './hosted-stage.ts';
import { DEFAULT_JOURNAL_SETTINGS, type JournalSettings } from './journal/row-store.ts';
import { Orphanage } from './orphanage.ts';
import type { StageLoader } from './stage-loader.ts';

/** A stage whose conductor was lost is kept for so long: time for the front to find out, plan and ask again. */
const KEEP_ORPHANS_MS = 20_000;

/** Holds stages of rings on this node for whoever conducts them. */
export class StageHost implements Startable {
  readonly #mesh: Mesh;
  readonly #logger: Logger;
  readonly #orphanage: Orphanage;
  readonly #loader: StageLoader;
  readonly #journal: JournalSettings;
  readonly #onStagesChanged: (stages: readonly CardStage[]) => void;
  readonly #stages = new Set<HostedStage>();
  /** Streams from other hosts, whether they are a stage's yet or not. */
  readonly #incoming = new Set<FrameStream>();
  #stopHandling: (() => void)[] = [];

  constructor(parts: {
    readonly mesh: Mesh;
    readonly loader: StageLoader;
    readonly clock: Clock;
    readonly logger: Logger;
    /** Bounds of what each stage keeps of what it sent on. */
    readonly journal?: JournalSettings;
    /** After a stage was loaded or unloaded: for the node card. */
    readonly onStagesChanged: (stages: readonly CardStage[]) => void;
  }) {
    this.#mesh = parts.mesh;
    this.#loader = parts.loader;
    this.#journal = parts.journal ?? DEFAULT_JOURNAL_SETTINGS;
    this.#logger = parts.logger.child({ scope: 'stage-host' });
    this.#onStagesChanged = parts.onStagesChanged;
    this.#orphanage = new Orphanage({
      keepMs: KEEP_ORPHANS_MS,
      clock: parts.clock,
      logger: this.#logger,
      onChange: () => this.#tell(),
    });
  }

  /** Stages that are loaded or being loaded, orphans included: for leak checks. */
  get count(): number {
    return this.#stages.size + this.#orphanage.runners.length;
  }

  /** What the threads of loaded stages count. */
  get threads(): readonly Pick<StageWays, 'steps' | 'medianHandlingMs'>[] {
    return [...this.#stages].flatMap((stage) => stage.ways ?? []);
  }

  /** What spares and stages of lost conductors take, which go when something else wants it, and what is being unloaded anyway. */
  get reclaimableBytes(): number {
    const spare = (stage: HostedStage): number => (stage.isSpare ? (stage.card?.memoryBytes ?? 0) : 0);
    const going = [...this.#stages].reduce((sum, stage) => sum + spare(stage) + stage.unloadingBytes, 0);
    return going + this.#orphanage.bytes;
  }

  async start(): Promise<void> {
    if (this.#stopHandling.length > 0) return;
    this.#stopHandling = [
      this.#mesh.handle(STAGE_PROTOCOL, (stream) => this.#onControl(stream)),
      this.#mesh.handle(STEPS_PROTOCOL, (stream) => this.#takeIn(stream, () => this.#onSteps(stream))),
      this.#mesh.handle(CHECKPOINT_PROTOCOL, (stream) => this.#takeIn(stream, () => this.#onCheckpoints(stream))),
    ];
  }

  async stop(): Promise<void> {
    for (const stopHandling of this.#stopHandling.splice(0)) stopHandling();
    for (const stream of this.#incoming) stream.abort(new StageError('The node stops.'));
    await Promise.all([...this.#stages].map((stage) => stage.close()));
    await this.#orphanage.clear();
  }

  /** Unloads the largest spare: its memory is wanted. False: there is none. */
  async giveUpSpare(): Promise<boolean> {
    const bytes = (stage: HostedStage): number => stage.card?.memoryBytes ?? 0;
    const [largest] = [...this.#stages].filter((stage) => stage.isSpare).toSorted((a, b) => bytes(b) - bytes(a));
    if (largest === undefined) return false;
    this.#logger.info({ bytes: bytes(largest) }, 'giving up a spare: its memory is wanted');
    await largest.close();
    return true;
  }

  #onControl(control: FrameStream): void {
    const stage = new HostedStage(control, {
      mesh: this.#mesh,
      loader: this.#loader,
      orphanage: this.#orphanage,
      journal: this.#journal,
      logger: this.#logger,
      onChange: () => this.#tell(),
      onClosed: (closed) => this.#stages.delete(closed),
      giveUpSpare: () => this.giveUpSpare(),
      untilUnloaded: () => this.#untilUnloaded(stage),
    });
    this.#stages.add(stage);
  }

  /** Others than `besides`. */
  async #untilUnloaded(besides: HostedStage): Promise<boolean> {
    const others = [...this.#stages].filter((stage) => stage !== besides);
    const unloading = [...others.flatMap((stage) => stage.unloading ?? []), ...this.#orphanage.unloading];
    await Promise.allSettled(unloading);
    return unloading.length > 0;
  }

  #takeIn(stream: FrameStream, take: () => void): void {
    // It was on its way when the host stopped.
    if (this.#stopHandling.length === 0) {
      stream.abort(new StageError('The node stops.'));
      return;
    }
    this.#incoming.add(stream);
    void stream.closed.then(() => this.#incoming.delete(stream));
    take();
  }

  #onSteps(stream: FrameStream): void {
    stream.onFrame(({ header }) => {
      try {
        this.#claim(parseStepsHello(header), stream);
      } catch (error) {
        stream.abort(
          error instanceof PippaError ? error : new ProtocolError('A steps stream could not be taken.', { cause: error }),
        );
      }
    });
  }

  #onCheckpoints(stream: FrameStream): void {
    stream.onFrame(({ header, payload }) => {
      try {
        const message = parseCheckpointMessage(header);
        // The spare was linked or unloaded meanwhile: nobody needs it.
        const spare = [...this.#stages].find((stage) => stage.awaits(message));
        if (spare === undefined) return;
        stream.pause();
        void spare.takeCheckpoint(message, payload).then(() => stream.resume());
      } catch (error) {
        stream.abort(error instanceof PippaError ? error : new ProtocolError('A checkpoint could not be taken.', { cause: error }));
      }
    });
  }

  #claim(hello: StepsHello, stream: FrameStream): void {
    const stage = [...this.#stages].find((each) => each.matches(hello));
    if (stage === undefined) throw new StageError(`There is no stage from layer ${hello.from} of ring ${hello.ring} here.`);
    stage.takeInput(hello, stream);
  }

  #tell(): void {
    this.#onStagesChanged([...this.#stages].flatMap((stage) => stage.card ?? []));
  }
}
