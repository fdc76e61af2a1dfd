import type { Stream } from '@libp2p/interface';
import { Uint8ArrayList } from 'uint8arraylist';

/**
 * Writes to a libp2p stream and waits for room. `onDrain()` of libp2p works once a stream, so this listens to the event itself. After
 * `drain` the stream may still hold bytes that the window had no room for: those who wait go on when none are left.
 */
export class StreamSender {
  readonly #stream: Stream;
  #waiting: { readonly resolve: () => void; readonly reject: (reason: unknown) => void }[] = [];

  constructor(stream: Stream) {
    this.#stream = stream;
    stream.addEventListener('drain', () => {
      // libp2p takes up sending again in a microtask of its own, queued before this one.
      queueMicrotask(() => this.#flush());
    });
  }

  /** One message, one write on the socket. Resolves when there is room for the next. */
  async send(parts: readonly Uint8Array[]): Promise<void> {
    if (!this.#stream.send(new Uint8ArrayList(...parts)) || this.#waiting.length > 0) await this.#room();
  }

  /** Rejects all who wait. */
  fail(reason: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }

  async #room(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  #flush(): void {
    if (this.#stream.writableNeedsDrain || this.#stream.writeBufferLength > 0) return;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }
}
