import { StreamLostError, type Clock, type PeerId } from '@pippa/core';
import type { Link } from '../peers/link.ts';
import type { MeshShape } from '../peers/mesh-shape.ts';
import type { PeerRecord } from '../peers/peer-record.ts';
import type { PeerStates } from '../peers/peer-states.ts';
import type { PeerTable } from '../peers/peer-table.ts';
import type { MeshSettings } from '../settings.ts';
import { ownStall, stateAfter } from './silence.ts';

/** Looks at all links within one beat; more while an answer is missing. */
const LOOKS_A_BEAT = 2;
const LOOKS_A_BEAT_OWED = 4;
/** The share of a beat that a question may come early, because looks are not continuous. */
const EARLY_BEATS = 0.25;
/** The side that is asked waits this much longer than it was promised before it asks itself. */
const PATIENCE_BEATS = 0.5;
/** The share of `suspectMs` after which others are told, so that all suspect a peer at the same time. */
const TELL_SHARE = 0.6;

export interface LivenessParts {
  readonly self: PeerId;
  readonly clock: Clock;
  readonly settings: MeshSettings;
  readonly table: PeerTable;
  readonly shape: MeshShape;
  readonly states: PeerStates;
  /** Tells every other member. */
  tellOthers(silent: PeerId): void;
  /** After each look, for work that is due now and then. */
  onLook(now: number): void;
}

/**
 * Asks peers whether they are there, and notices when they are not. Peers that streams are open to are asked often, and so are the
 * two neighbours in the order of ids; of the others it is known through their neighbours, who tell everybody when one falls silent,
 * upon which everybody asks it. So the cost does not grow with the size of the mesh. Whatever a peer sends counts as an answer.
 */
export class Liveness {
  readonly #parts: LivenessParts;
  #cancel: (() => void) | undefined;
  #lastLookMs = 0;
  #waitMs = 0;
  #stopped = false;

  constructor(parts: LivenessParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#lastLookMs = this.#parts.clock.nowMs();
    this.#schedule(false);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  /** Another member misses an answer of a peer: this node asks now, as if it had waited as long. */
  ask(record: PeerRecord): void {
    const { heartbeatMs, suspectMs } = this.#parts.settings;
    record.silenceTold = true;
    for (const link of record.links) if (!link.isOwed) link.ask(link.toldMs ?? heartbeatMs, suspectMs * TELL_SHARE);
  }

  #schedule(isOwed: boolean): void {
    if (this.#stopped) return;
    this.#waitMs = this.#parts.settings.heartbeatMs / (isOwed ? LOOKS_A_BEAT_OWED : LOOKS_A_BEAT);
    this.#cancel = this.#parts.clock.schedule(this.#waitMs, () => this.#schedule(this.#look()));
  }

  /** True while an answer is missed. */
  #look(): boolean {
    const { clock, settings, table, shape, states } = this.#parts;
    const now = clock.nowMs();
    const stalledMs = ownStall(now - this.#lastLookMs, this.#waitMs);
    this.#lastLookMs = now;
    const { neighbours } = shape;
    let isOwed = false;
    for (const record of table.records) {
      if (record.state === 'dead') {
        if (now - record.deadSinceMs > settings.forgetMs) states.forget(record);
        continue;
      }
      for (const link of record.links) {
        link.forgive(stalledMs);
        link.lookForTraffic();
        this.#askInTime(link, now, neighbours.has(record.id));
        isOwed ||= link.isOwed;
      }
      this.#judge(record, now);
    }
    this.#parts.onLook(now);
    return isOwed;
  }

  #askInTime(link: Link, now: number, isNeighbour: boolean): void {
    const { heartbeatMs, idleMs } = this.#parts.settings;
    const everyMs = isNeighbour || link.isBusy ? heartbeatMs : Math.max(idleMs, heartbeatMs);
    const { promisedMs } = link;
    const leads = everyMs < promisedMs || (everyMs === promisedMs && this.#parts.self < link.peer);
    const dueMs = leads ? everyMs - heartbeatMs * EARLY_BEATS : promisedMs + heartbeatMs * PATIENCE_BEATS;
    // The other side must know when to expect the next question.
    const isDue = link.heardAgoMs(now) >= dueMs || everyMs !== link.toldMs;
    if (!isDue || link.isOwed) return;
    const isWatched = Math.min(everyMs, promisedMs) <= heartbeatMs;
    // Where nothing was expected for seconds, its not coming says nothing.
    link.ask(everyMs, isWatched ? heartbeatMs * 2 : 0);
  }

  #judge(record: PeerRecord, now: number): void {
    const { settings, states } = this.#parts;
    if (record.links.size === 0) {
      if (record.state === 'suspect' && now - record.linkLostMs >= settings.deadMs) states.setDead(record);
      return;
    }
    const links = [...record.links];
    const silences = links.map((link) => link.silenceMs(now));
    const silenceMs = Math.min(...silences);
    // What one way does not bring another one may.
    if (Math.max(...silences) >= settings.heartbeatMs)
      for (const link of links) if (!link.isOwed) link.ask(link.toldMs ?? settings.heartbeatMs);
    this.#tell(record, silenceMs);
    const state = stateAfter(silenceMs, settings);
    if (state === 'dead') states.setDead(record);
    else if (state === 'suspect' && record.state === 'alive') states.setSuspect(record);
    // Only an answer makes it alive again, not that this process stood still meanwhile.
    else if (silenceMs === 0 && record.state === 'suspect') states.setAlive(record);
    // One dead way among others that live is given up too: its streams would hang.
    for (const link of links)
      if (stateAfter(link.silenceMs(now), settings) === 'dead')
        link.connection.abort(new StreamLostError(`${record.name} is silent.`));
  }

  #tell(record: PeerRecord, silenceMs: number): void {
    if (silenceMs === 0) record.silenceTold = false;
    else if (!record.silenceTold && silenceMs >= this.#parts.settings.suspectMs * TELL_SHARE) {
      record.silenceTold = true;
      this.#parts.tellOthers(record.id);
    }
  }
}
