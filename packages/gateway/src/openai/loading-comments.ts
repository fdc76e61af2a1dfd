import type { Clock, LoadProgress } from '@pippa/core';
import { patienceMs } from '../http/prefer.ts';
import type { Exchange } from '../http/exchange.ts';
import type { SseWriter } from '../http/sse-writer.ts';
import { progressText } from './load-model.ts';

/** What is refused at once still gets a status of its own. */
const FIRST_AFTER_MS = 200;
/** Between two comments: people read them. */
const EVERY_MS = 250;

/**
 * Tells the client of a stream how far its model is, so that neither it nor a proxy gives up. One that said how long it waits is told by status
 * instead.
 */
export class LoadingComments {
  readonly #writer: SseWriter;
  readonly #clock: Clock;
  readonly #cancel: () => void;
  #latest: LoadProgress = { fraction: 0, message: '', elapsedMs: 0 };
  #toldMs: number | undefined;
  #told = '';

  constructor(writer: SseWriter, exchange: Exchange, clock: Clock) {
    this.#writer = writer;
    this.#clock = clock;
    const isTold = patienceMs(exchange.incoming.headers) === undefined;
    this.#cancel = isTold ? clock.schedule(FIRST_AFTER_MS, () => this.#tell()) : () => {};
  }

  readonly onProgress = (progress: LoadProgress): void => {
    this.#latest = progress;
    if (this.#toldMs !== undefined && this.#clock.nowMs() - this.#toldMs >= EVERY_MS) this.#tell();
  };

  end(): void {
    this.#cancel();
  }

  #tell(): void {
    this.#toldMs = this.#clock.nowMs();
    const text = progressText(this.#latest);
    if (text === this.#told) return;
    this.#told = text;
    this.#writer.comment(text);
  }
}
