import { StreamLostError, type Clock, type PeerId } from '@pippa/core';
import type { CardExchange } from '../cards/card-exchange.ts';
import type { Dialer } from './dialer.ts';
import type { MeshShape } from './mesh-shape.ts';
import type { PeerRecord } from './peer-record.ts';
import type { PeerTable } from './peer-table.ts';

/** A node that others vouch for is believed in until so many dials of it failed. */
const MAX_FAILED_DIALS = 3;

export interface PeerStatesParts {
  readonly clock: Clock;
  readonly table: PeerTable;
  readonly shape: MeshShape;
  readonly cards: CardExchange;
  dialer(): Dialer;
}

/** Members on their way between alive, suspect and dead, and what each step brings with it. */
export class PeerStates {
  readonly #parts: PeerStatesParts;

  constructor(parts: PeerStatesParts) {
    this.#parts = parts;
  }

  setAlive(record: PeerRecord): void {
    record.state = 'alive';
    record.deadSinceMs = 0;
    this.#parts.table.changed(record);
  }

  setSuspect(record: PeerRecord): void {
    record.state = 'suspect';
    this.#parts.table.changed(record);
  }

  setDead(record: PeerRecord): void {
    if (record.state === 'dead') return;
    record.state = 'dead';
    record.deadSinceMs = this.#parts.clock.nowMs();
    record.instance = undefined;
    if (this.#parts.shape.isLarge && record.hadLink) {
      record.hadLink = false;
      const version = record.card?.version ?? 0;
      this.#parts.cards.toAskers((link) => link.say({ kind: 'gone', peer: record.id, version }));
    }
    for (const link of record.links) link.connection.abort(new StreamLostError(`${record.name} is dead.`));
    this.#parts.table.changed(record);
  }

  /** Takes it out of the table: it died long ago, left or was removed. */
  forget(record: PeerRecord): void {
    this.#parts.dialer().forget(record.id);
    this.#parts.table.forget(record.id);
  }

  /** A broken connection may be no more than a changed address: one quick dial decides. */
  loseTouch(record: PeerRecord): void {
    record.linkLostMs = this.#parts.clock.nowMs();
    const wasDead = record.state === 'dead';
    if (!wasDead) record.state = 'suspect';
    const dialled = this.#parts.dialer().lost(record.id);
    if (wasDead) return;
    if (dialled) this.#parts.table.changed(record);
    else this.setDead(record);
  }

  /** A dial failed: a peer whose links broke and who doesn't answer is dead. */
  unreachable(peer: PeerId): void {
    const record = this.#parts.table.find(peer);
    // One that others vouch for may be out of this node's reach alone, or just busy.
    if (record === undefined || record.links.size > 0) return;
    if (record.state === 'alive' && ++record.failedDials < MAX_FAILED_DIALS) return;
    this.setDead(record);
  }
}
