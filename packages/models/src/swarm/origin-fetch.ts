import { errorMessage, type Clock, type Logger } from '@pippa/core';
import type { PieceOrigin } from './piece-origin.ts';

/** Pieces that nobody has had for so long are got from where the model comes from: its owner may just be restarting. */
const ORPHAN_MS = 5000;
/** Then the peers are looked at again. */
const MOST_PIECES = 64;
/** After a failure, which comes after many attempts. */
const RETRY_MS = 30_000;

export interface OriginFetchEvents {
  onPiece(piece: number, bytes: number): void;
  /** It is over; more may be wanted now. */
  onEnd(): void;
}

/** The last resort of a download: the hub, for pieces that no peer has. */
export class OriginFetch {
  readonly #origin: PieceOrigin;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #events: OriginFetchEvents;
  readonly #asked = new Set<number>();
  #orphanedMs: number | undefined;
  #notBeforeMs = 0;
  #failure = '';

  constructor(
    origin: PieceOrigin,
    { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
    events: OriginFetchEvents,
  ) {
    this.#origin = origin;
    this.#clock = clock;
    this.#logger = logger;
    this.#events = events;
  }

  /** Pieces under way from there. */
  get asked(): ReadonlySet<number> {
    return this.#asked;
  }

  /** Why the last attempt brought nothing, for people; empty when there was none. */
  get failure(): string {
    return this.#failure;
  }

  /** Told often of the pieces that nobody has; gets them once that has lasted. */
  consider(orphans: readonly number[], signal: AbortSignal): void {
    const nowMs = this.#clock.nowMs();
    if (orphans.length === 0) this.#orphanedMs = undefined;
    else this.#orphanedMs ??= nowMs;
    if (this.#orphanedMs === undefined || this.#asked.size > 0) return;
    if (nowMs - this.#orphanedMs < ORPHAN_MS || nowMs < this.#notBeforeMs) return;
    void this.#fetch(orphans.slice(0, MOST_PIECES), signal);
  }

  async #fetch(pieces: readonly number[], signal: AbortSignal): Promise<void> {
    for (const piece of pieces) this.#asked.add(piece);
    this.#logger.info(
      { from: this.#origin.name, pieces: pieces.length },
      'no node has these pieces: they are got from where the model is from',
    );
    try {
      await this.#origin.fetch(pieces, {
        signal,
        onPiece: (piece, bytes) => {
          this.#asked.delete(piece);
          this.#events.onPiece(piece, bytes);
        },
      });
    } catch (error) {
      if (signal.aborted) return;
      this.#failure = errorMessage(error);
      this.#notBeforeMs = this.#clock.nowMs() + RETRY_MS;
      this.#logger.warn({ from: this.#origin.name, error: this.#failure }, 'pieces cannot be got from where the model is from');
    } finally {
      this.#asked.clear();
    }
    this.#events.onEnd();
  }
}
