import type { Clock, PeerId } from '@pippa/core';

/** A peer that sent wrong bytes is not asked again for so long. */
const DROP_MS = 300_000;

/** A peer that did what no honest one does. */
export interface DroppedPeer {
  readonly peer: PeerId;
  /** Monotonic; then it is asked again: its copy may have been mended. */
  readonly untilMs: number;
  readonly name: string;
  readonly reason: string;
}

/** What a download knows of peers: whom not to ask, and until when. */
export class PeerBook {
  readonly #clock: Pick<Clock, 'nowMs'>;
  /** Shared by the downloads of a model, so that what one found out the next one need not. */
  readonly #dropped: Map<PeerId, DroppedPeer>;
  readonly #notBeforeMs = new Map<PeerId, number>();
  readonly #otherCopies = new Set<PeerId>();

  constructor(clock: Pick<Clock, 'nowMs'>, dropped: Map<PeerId, DroppedPeer>) {
    this.#clock = clock;
    this.#dropped = dropped;
  }

  get dropped(): readonly DroppedPeer[] {
    return [...this.#dropped.values()];
  }

  mayAsk(peer: PeerId): boolean {
    return !this.isDropped(peer) && (this.#notBeforeMs.get(peer) ?? 0) <= this.#clock.nowMs();
  }

  isDropped(peer: PeerId): boolean {
    const dropped = this.#dropped.get(peer);
    return dropped !== undefined && this.#clock.nowMs() < dropped.untilMs;
  }

  /** False when it was dropped already. */
  drop(peer: PeerId, name: string, reason: string): boolean {
    if (this.isDropped(peer)) return false;
    this.#dropped.set(peer, { peer, name, reason, untilMs: this.#clock.nowMs() + DROP_MS });
    return true;
  }

  /** Leaves the peer for a while. */
  putOff(peer: PeerId, forMs: number): void {
    this.#notBeforeMs.set(peer, this.#clock.nowMs() + forMs);
  }

  isPutOff(peer: PeerId): boolean {
    return this.#notBeforeMs.has(peer);
  }

  /** The peer has another copy of the model than the one that was begun with. */
  noteOtherCopy(peer: PeerId): void {
    this.#otherCopies.add(peer);
  }

  get hasOtherCopies(): boolean {
    return this.#otherCopies.size > 0;
  }

  hasOtherCopy(peer: PeerId): boolean {
    return this.#otherCopies.has(peer);
  }
}
