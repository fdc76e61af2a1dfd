import { type Frame, type PippaError, StreamLostError } from '@pippa/core';
import { parseMessage } from '@pippa/protocol';
import type { z } from 'zod';
import type { PeerStream } from '../streams/peer-stream.ts';

/** Frames a side may send ahead of its turn. */
const MAX_WAITING = 4;

/** Takes the frames of a stream one by one, in a fixed order of turns. */
export class Dialogue {
  readonly stream: PeerStream;
  readonly #waiting: Frame[] = [];
  #taker: { readonly resolve: (frame: Frame) => void; readonly reject: (reason: unknown) => void } | undefined;
  #ended: PippaError | undefined;

  constructor(stream: PeerStream) {
    this.stream = stream;
    stream.onFrame((frame) => {
      const taker = this.#taker;
      this.#taker = undefined;
      if (taker !== undefined) taker.resolve(frame);
      else if (this.#waiting.push(frame) >= MAX_WAITING) stream.pause();
    });
    void stream.closed.then((error) => {
      this.#ended = error ?? new StreamLostError('The other side ended the stream before its turn.');
      this.#taker?.reject(this.#ended);
      this.#taker = undefined;
    });
  }

  async say(message: unknown): Promise<void> {
    await this.stream.send(message);
  }

  /** The next message; throws `BadMessageError` for one that isn't `schema`, or what ended the stream. */
  async hear<Schema extends z.ZodType>(schema: Schema, what: string, signal: AbortSignal): Promise<z.infer<Schema>> {
    const frame = this.#waiting.shift() ?? (await this.#next(signal));
    return parseMessage(schema, frame.header, what);
  }

  async #next(signal: AbortSignal): Promise<Frame> {
    signal.throwIfAborted();
    if (this.#ended !== undefined) throw this.#ended;
    return new Promise<Frame>((resolve, reject) => {
      const abort = (): void => {
        this.#taker = undefined;
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#taker = {
        resolve: (frame) => {
          signal.removeEventListener('abort', abort);
          resolve(frame);
        },
        reject: (reason) => {
          signal.removeEventListener('abort', abort);
          reject(reason);
        },
      };
    });
  }
}
