import type { PieceMap } from '../pieces/piece-map.ts';

export interface SwarmProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** All peers together, at present. */
  readonly bytesPerSecond: number;
}

export interface WantOptions {
  readonly onProgress?: (progress: SwarmProgress) => void;
  readonly signal?: AbortSignal;
}

interface Want {
  readonly remaining: Set<number>;
  readonly totalBytes: number;
  remainingBytes: number;
  readonly options: WantOptions;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  readonly stopListening: () => void;
}

/** Which pieces somebody waits for, and who. */
export class WantedPieces {
  readonly #map: PieceMap;
  readonly #onChanged: () => void;
  readonly #wants = new Set<Want>();

  /** `onChanged`: somebody began or ceased to wait. */
  constructor(map: PieceMap, onChanged: () => void) {
    this.#map = map;
    this.#onChanged = onChanged;
  }

  get isEmpty(): boolean {
    return this.#wants.size === 0;
  }

  /** Each piece that is waited for, once. */
  pieces(): Set<number> {
    return new Set([...this.#wants].flatMap(({ remaining }) => [...remaining]));
  }

  /** Settles when all these pieces have arrived. Rejects with what `fail` is given, or the signal's reason. */
  wait(remaining: Set<number>, options: WantOptions): Promise<void> {
    if (remaining.size === 0) return Promise.resolve();
    const totalBytes = this.#map.bytesOf(remaining);
    return new Promise<void>((resolve, reject) => {
      const { signal } = options;
      const abort = (): void => this.#settle(want, () => reject(signal?.reason));
      const stopListening = (): void => signal?.removeEventListener('abort', abort);
      const want: Want = { remaining, remainingBytes: totalBytes, totalBytes, options, resolve, reject, stopListening };
      signal?.addEventListener('abort', abort, { once: true });
      this.#wants.add(want);
      this.#onChanged();
    });
  }

  arrived(piece: number, bytes: number, bytesPerSecond: number): void {
    for (const want of this.#wants) {
      if (!want.remaining.delete(piece)) continue;
      want.remainingBytes -= bytes;
      want.options.onProgress?.({ doneBytes: want.totalBytes - want.remainingBytes, totalBytes: want.totalBytes, bytesPerSecond });
      if (want.remaining.size === 0) this.#settle(want, want.resolve);
    }
  }

  fail(error: unknown): void {
    for (const want of this.#wants) this.#settle(want, () => want.reject(error));
  }

  #settle(want: Want, how: () => void): void {
    if (!this.#wants.delete(want)) return;
    want.stopListening();
    how();
    this.#onChanged();
  }
}
