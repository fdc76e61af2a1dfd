import { errorMessage, type Clock, type Logger, type PeerId } from '@pippa/core';
import type { MeshNode } from '@pippa/mesh';

/** A node that has just come is busy with itself; its first figures would be poor. */
const SETTLE_MS = 2000;
/** A link that could not be measured is left alone for this long. */
const RETRY_MS = 60_000;

export interface LinkProbesParts {
  readonly node: Pick<MeshNode, 'peers' | 'onPeersChanged' | 'measureThroughput'>;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * Measures how much each link carries: once when it comes up (so anew after a change of cable, address or kind of network), and
 * whenever somebody asks; one at a time, so that probes do not measure each other.
 */
export class LinkProbes {
  readonly #parts: LinkProbesParts;
  readonly #stopping = new AbortController();
  readonly #cancels = new Map<PeerId, () => void>();
  readonly #failedMs = new Map<PeerId, number>();
  readonly #stopListening: () => void;
  #line: Promise<void> = Promise.resolve();

  constructor(parts: LinkProbesParts) {
    this.#parts = parts;
    this.#stopListening = parts.node.onPeersChanged(({ id, state, card, link }) => {
      if (state === 'dead') {
        this.#failedMs.delete(id);
        this.#cancels.get(id)?.();
        this.#cancels.delete(id);
      } else if (state === 'alive' && card !== undefined && link.throughput === 0) this.#soon(id);
    });
  }

  /** Measures the links to all peers that answer, now. What cannot be measured keeps its old figure. Rejects with the signal's reason. */
  async measureAll(signal: AbortSignal): Promise<void> {
    const alive = this.#parts.node.peers().filter(({ state }) => state === 'alive');
    for (const { id } of alive) await this.#inLine(() => this.#measure(id, AbortSignal.any([signal, this.#stopping.signal])));
    signal.throwIfAborted();
  }

  stop(): void {
    this.#stopListening();
    this.#stopping.abort();
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
  }

  #soon(id: PeerId): void {
    const { clock } = this.#parts;
    const isTooSoon = clock.nowMs() - (this.#failedMs.get(id) ?? Number.NEGATIVE_INFINITY) < RETRY_MS;
    if (this.#cancels.has(id) || isTooSoon) return;
    this.#cancels.set(
      id,
      clock.schedule(SETTLE_MS, () => {
        void this.#inLine(() => this.#measure(id, this.#stopping.signal)).finally(() => this.#cancels.delete(id));
      }),
    );
  }

  #inLine(measure: () => Promise<void>): Promise<void> {
    this.#line = this.#line.then(measure);
    return this.#line;
  }

  /** Never rejects. */
  async #measure(id: PeerId, signal: AbortSignal): Promise<void> {
    const { node, clock, logger } = this.#parts;
    if (signal.aborted) return;
    try {
      await node.measureThroughput(id, { signal });
    } catch (error) {
      this.#failedMs.set(id, clock.nowMs());
      logger.debug({ scope: 'mesh', peer: id, error: errorMessage(error) }, 'a link could not be measured');
    }
  }
}
