import { StageError, type DirectOffer, type Frame, type FrameStream, type PippaError } from '@pippa/core';
import type { StepsDirect, StepsHello } from '@pippa/protocol';

export interface WayInParts {
  readonly onFrame: (frame: Frame) => void;
  /** The stream that steps of the epoch came over broke. */
  readonly onLost: (stream: FrameStream, epoch: number) => void;
  /** Where steps of the epoch may come past the stream; null: nowhere. */
  readonly offer: (epoch: number) => Promise<DirectOffer | null>;
}

/** Where a stage's steps come from: the stream of the stage before. The first stage has none, its steps come over the control stream. */
export class WayIn {
  readonly #parts: WayInParts;
  #stream: FrameStream | undefined;
  /** Came before the `link` of its epoch did. */
  #early: { readonly hello: StepsHello; readonly stream: FrameStream } | undefined;

  constructor(parts: WayInParts) {
    this.#parts = parts;
  }

  /** Takes the stream of a neighbour that said `hello`, whose epoch is the stage's own or one that the stage was not told of yet. */
  take(hello: StepsHello, stream: FrameStream, ownEpoch: number): void {
    if (hello.epoch > ownEpoch) {
      // The neighbour was told first. What it sends waits for our own word from the conductor.
      stream.pause();
      this.#early?.stream.abort(new StageError('Another stream took its place.'));
      this.#early = { hello, stream };
      void stream.closed.then(() => {
        if (this.#early?.stream === stream) this.#early = undefined;
      });
      return;
    }
    this.#stream?.abort(new StageError('Another stream took its place.'));
    this.#stream = stream;
    const { epoch } = hello;
    stream.onFrame(this.#parts.onFrame);
    if (hello.direct) void this.#answer(stream, epoch);
    void stream.closed.then((error) => {
      if (this.#stream !== stream) return;
      this.#stream = undefined;
      if (error !== undefined) this.#parts.onLost(stream, epoch);
    });
  }

  /** The stream of the last epoch is of no use any more. */
  leaveEpoch(): void {
    this.#stream?.abort(new StageError('The ring has a new epoch.'));
    this.#stream = undefined;
  }

  /** The stage is ready for steps of the epoch. */
  enterEpoch(epoch: number): void {
    const early = this.#early;
    this.#early = undefined;
    if (early?.hello.epoch === epoch) {
      this.take(early.hello, early.stream, epoch);
      early.stream.resume();
    } else {
      early?.stream.abort(new StageError('The ring has another epoch.'));
    }
  }

  /** Ends the stream over what came on it; false: there is none. */
  refuse(error: PippaError): boolean {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.abort(error);
    return stream !== undefined;
  }

  close(): void {
    this.#stream?.abort(new StageError('The stage was closed.'));
    this.#early?.stream.abort(new StageError('The stage was closed.'));
  }

  async #answer(stream: FrameStream, epoch: number): Promise<void> {
    const offer = await this.#parts.offer(epoch).catch(() => null);
    // A stream that is lost is told by its end.
    if (this.#stream === stream) stream.send({ kind: 'direct', offer } satisfies StepsDirect).catch(() => {});
  }
}
