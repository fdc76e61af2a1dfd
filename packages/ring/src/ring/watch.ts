import type { Clock, Mesh, PeerId } from '@pippa/core';
import type { StageConnection } from '../chain/stage-connection.ts';

export interface WatchParts {
  readonly mesh: Mesh;
  readonly clock: Clock;
  readonly overdueMs: number;
  readonly stages: () => readonly StageConnection[];
  readonly oldestStepSinceMs: () => number | undefined;
  readonly onOverdue: (connection: StageConnection) => void;
}

/**
 * A suspect node pauses nothing by itself: a Wi-Fi stall looks the same. Only when a step is overdue meanwhile is it given up, sooner than
 * the mesh would declare it dead.
 */
export class Watch {
  readonly #parts: WatchParts;
  readonly #timers = new Map<PeerId, () => void>();
  readonly #stopListening: () => void;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    this.#stopListening = parts.mesh.onPeersChanged((peer) => {
      if (peer.state === 'suspect') this.#check(peer.id);
      else this.#forget(peer.id);
    });
  }

  stop(): void {
    this.#stopListening();
    for (const cancelTimer of this.#timers.values()) cancelTimer();
    this.#timers.clear();
  }

  #check(peer: PeerId): void {
    this.#forget(peer);
    const { mesh, clock, overdueMs, stages, oldestStepSinceMs, onOverdue } = this.#parts;
    const connection = stages().find((each) => each.peer === peer);
    if (connection === undefined || mesh.peer(peer)?.state !== 'suspect') return;
    const sinceMs = oldestStepSinceMs();
    const overdueInMs = sinceMs === undefined ? overdueMs : sinceMs + overdueMs - clock.nowMs();
    if (overdueInMs <= 0) onOverdue(connection);
    else
      this.#timers.set(
        peer,
        clock.schedule(overdueInMs, () => this.#check(peer)),
      );
  }

  #forget(peer: PeerId): void {
    this.#timers.get(peer)?.();
    this.#timers.delete(peer);
  }
}
