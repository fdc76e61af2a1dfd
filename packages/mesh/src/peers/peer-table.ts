import { errorMessage, type Logger, type Peer, type PeerId } from '@pippa/core';
import { PeerRecord } from './peer-record.ts';

/** All members that this node has met, and those who want to know of their changes. */
export class PeerTable {
  readonly #records = new Map<PeerId, PeerRecord>();
  readonly #listeners = new Set<(peer: Peer) => void>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get records(): Iterable<PeerRecord> {
    return this.#records.values();
  }

  get size(): number {
    return this.#records.size;
  }

  find(id: PeerId): PeerRecord | undefined {
    return this.#records.get(id);
  }

  add(record: PeerRecord): void {
    this.#records.set(record.id, record);
  }

  ensure(id: PeerId): PeerRecord {
    const existing = this.#records.get(id);
    if (existing !== undefined) return existing;
    const record = new PeerRecord(id);
    this.#records.set(id, record);
    return record;
  }

  forget(id: PeerId): void {
    const record = this.#records.get(id);
    if (record === undefined) return;
    this.#records.delete(id);
    record.state = 'dead';
    record.forgotten = true;
    this.changed(record);
  }

  listen(listener: (peer: Peer) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(record: PeerRecord): void {
    const peer = record.describe();
    for (const listener of this.#listeners) {
      try {
        listener(peer);
      } catch (error) {
        // One part's mistake must not keep the others from hearing.
        this.#logger.error({ error: errorMessage(error) }, 'a listener for peers failed');
      }
    }
  }
}
