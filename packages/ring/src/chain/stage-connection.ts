import {
  PippaError,
  StageError,
  StreamLostError,
  type FrameStream,
  type Mesh,
  type PeerId,
  type Slot,
  type StageInfo,
  type Step,
  type StepResult,
} from '@pippa/core';
import {
  decodeResult,
  encodeStep,
  isResultHeader,
  parseHostMessage,
  STAGE_PROTOCOL,
  STEP_HEADER,
  type ConductorMessage,
  type HostMessage,
  type StageOpenMessage,
} from '@pippa/protocol';

/** A node would not hold a stage; `code` says why in the node's own terms, such as `out_of_memory`. */
export class StageRefusedError extends PippaError {
  readonly code: string;
  readonly peer: PeerId;

  constructor(peer: PeerId, refusal: Extract<HostMessage, { kind: 'refused' }>, name: string) {
    super(
      `${name} does not take layers of the model: ${refusal.message}`,
      refusal.hint === undefined ? {} : { hint: refusal.hint },
    );
    this.code = refusal.code;
    this.peer = peer;
  }
}

/**
 * The stages could not be linked in a new epoch. `suspect`: the node that the way to could not be opened, or that did not answer. `spoiled`:
 * a stage that is still there, but whose cache is not to be trusted.
 */
export class LinkFailedError extends StageError {
  readonly suspect: PeerId | undefined;
  readonly spoiled: StageConnection | undefined;

  constructor(message: string, suspect: PeerId | undefined, spoiled?: StageConnection) {
    super(message);
    this.suspect = suspect;
    this.spoiled = spoiled;
  }
}

export type StageOpening = Omit<StageOpenMessage, 'kind'>;
export type StageFailure = Omit<Extract<HostMessage, { kind: 'failure' }>, 'kind'>;

/** What came of linking a stage: its journal, by slot, or what failed. */
export type LinkOutcome =
  | { readonly kind: 'linked'; readonly journal: readonly (readonly [Slot, number])[] }
  | ({ readonly kind: 'failed' } & StageFailure);

/** Positions `[from, to)` of slots. */
export type ReplayedSlots = readonly (readonly [slot: Slot, from: number, to: number])[];

export interface StageListener {
  onResult(result: StepResult): void;
  onFailure(failure: StageFailure): void;
  onReplayed(epoch: number): void;
}

/** A loaded stage on some node, as its conductor holds it. It outlives epochs; closing it unloads the stage. */
export class StageConnection {
  readonly peer: PeerId;
  readonly info: StageInfo;
  /** Settles when the stage is gone, with why; undefined when this side closed it. */
  readonly lost: Promise<PippaError | undefined>;
  readonly #stream: FrameStream;
  #listener: StageListener | undefined;
  #linking: { readonly epoch: number; readonly resolve: (outcome: LinkOutcome) => void } | undefined;
  #reportCheckpoint: ((report: Extract<HostMessage, { kind: 'checkpointed' }>) => void) | undefined;
  #closing = false;

  private constructor(stream: FrameStream, info: StageInfo, name: string) {
    this.peer = stream.peer;
    this.#stream = stream;
    this.info = info;
    this.lost = stream.closed.then((error) => {
      if (this.#closing) return undefined;
      // A peer that closes without having been asked to is as good as lost.
      return error ?? new StreamLostError(`${name} closed its stage.`);
    });
    stream.onFrame((frame) => {
      try {
        if (isResultHeader(frame.header)) this.#listener?.onResult(decodeResult(frame.payload));
        else this.#take(parseHostMessage(frame.header));
      } catch (error) {
        stream.abort(error instanceof PippaError ? error : new StageError('A stage report could not be taken.', { cause: error }));
      }
    });
  }

  /**
   * Has the stage loaded. Throws `StageRefusedError`, `PeerUnreachableError`, `StreamLostError` or the signal's reason; nothing stays
   * loaded then.
   */
  static async open(
    mesh: Mesh,
    peer: PeerId,
    opening: StageOpening,
    options: {
      /** What people call the node. */
      readonly name: string;
      readonly onProgress?: (phase: 'fetch' | 'load', fraction: number) => void;
      readonly signal: AbortSignal;
    },
  ): Promise<StageConnection> {
    const { name, onProgress, signal } = options;
    const stream = await mesh.open(peer, STAGE_PROTOCOL, { signal });
    const onAbort = (): void => stream.abort(new StageError('The ring is not wanted any more.'));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      signal.throwIfAborted();
      const info = await new Promise<StageInfo>((resolve, reject) => {
        stream.onFrame((frame) => {
          try {
            const report = parseHostMessage(frame.header);
            if (report.kind === 'progress') onProgress?.(report.phase, report.fraction);
            else if (report.kind === 'ready') resolve(report.info);
            else if (report.kind === 'refused') reject(new StageRefusedError(peer, report, name));
          } catch (error) {
            reject(error);
          }
        });
        void stream.closed.then((error) => reject(error ?? new StreamLostError(`${name} closed the stage while it loaded.`)));
        stream.send({ kind: 'open', ...opening } satisfies ConductorMessage).catch(reject);
      });
      checkInfo(info, opening, name);
      return new StageConnection(stream, info, name);
    } catch (error) {
      stream.abort(new StageError('The stage could not be opened.'));
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  listen(listener: StageListener): void {
    this.#listener = listener;
  }

  /** Puts the stage into an epoch. Settles when its way to the next one is open, or failed to. Throws when the stage is lost. */
  async link(link: Omit<Extract<ConductorMessage, { kind: 'link' }>, 'kind'>): Promise<LinkOutcome> {
    const outcome = new Promise<LinkOutcome>((resolve) => {
      this.#linking = { epoch: link.epoch, resolve };
    });
    await this.#stream.send({ kind: 'link', ...link } satisfies ConductorMessage);
    return Promise.race([
      outcome,
      this.lost.then((error) => {
        throw error ?? new StreamLostError('The stage was closed.');
      }),
    ]);
  }

  /** Has the stage send on again what it journaled of each slot, positions `[from, to)`. Throws when the stage is lost. */
  async replay(epoch: number, slots: ReplayedSlots): Promise<void> {
    const message: ConductorMessage = { kind: 'replay', epoch, slots: slots.map(([slot, from, to]) => [slot, from, to]) };
    await this.#stream.send(message);
  }

  /** Has the stage send positions of its cache to its spare. Throws when the stage is lost. */
  async checkpoint(order: Omit<Extract<ConductorMessage, { kind: 'checkpoint' }>, 'kind'>): Promise<void> {
    await this.#stream.send({ kind: 'checkpoint', ...order } satisfies ConductorMessage);
  }

  /** Calls back when the stage, a spare, has got part of a slot. */
  onCheckpointed(callback: (report: Extract<HostMessage, { kind: 'checkpointed' }>) => void): void {
    this.#reportCheckpoint = callback;
  }

  submit(step: Step): Promise<void> {
    return this.#stream.send(STEP_HEADER, encodeStep(step));
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#stream.close();
  }

  /** Gives the stage up at once: its node does not answer any more. */
  abandon(reason: PippaError): void {
    this.#stream.abort(reason);
  }

  #take(report: HostMessage): void {
    switch (report.kind) {
      case 'linked':
        if (report.epoch === this.#linking?.epoch) this.#linking.resolve({ kind: 'linked', journal: report.journal });
        break;
      case 'checkpointed':
        this.#reportCheckpoint?.(report);
        break;
      case 'replayed':
        this.#listener?.onReplayed(report.epoch);
        break;
      case 'failure':
        if (report.epoch === this.#linking?.epoch) this.#linking.resolve({ ...report, kind: 'failed' });
        this.#listener?.onFailure(report);
        break;
      case 'progress':
      case 'ready':
      case 'refused':
      case 'result':
        break;
    }
  }
}

/** A node that holds something else than what it was asked for would spoil every answer. */
function checkInfo(info: StageInfo, opening: StageOpening, name: string): void {
  const wrong = (['from', 'to', 'layerCount'] as const).find((key) => info[key] !== opening[key]);
  const short = (['contextCells', 'parallelSequences', 'maxRows'] as const).find((key) => info[key] < opening[key]);
  const key = wrong ?? short;
  if (key !== undefined) throw new StageError(`${name} loaded a stage with ${key} ${info[key]} instead of ${opening[key]}.`);
}
