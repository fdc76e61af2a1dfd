import { StreamLostError, type PeerId } from '@pippa/core';
import type { LocalAddress } from '../discovery/interfaces.ts';
import type { MeshSettings } from '../settings.ts';
import { closeBehind } from '../transport/close-behind.ts';
import { socketAddresses } from '../transport/corked-tcp.ts';
import { betterAddresses } from './better-address.ts';
import type { ClassifyInterface } from './classify.ts';
import type { Dialer } from './dialer.ts';
import type { Link } from './link.ts';
import type { MeshShape } from './mesh-shape.ts';
import type { PeerRecord } from './peer-record.ts';
import type { PeerTable } from './peer-table.ts';

/** Wait between two looks for a better way to a peer. */
const IMPROVE_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;

export interface LinkKeeperParts {
  readonly self: PeerId;
  readonly settings: MeshSettings;
  readonly table: PeerTable;
  readonly shape: MeshShape;
  readonly classify: ClassifyInterface;
  dialer(): Dialer;
  /** The addresses of this machine that are in use. */
  locals(): readonly LocalAddress[];
  /** Whether this machine still has the address, in use or not. */
  hasAddress(address: string): boolean;
}

/** Keeps to each peer the ways that are worth keeping: the better of two, more where some are missing, none over a pulled cable. */
export class LinkKeeper {
  readonly #parts: LinkKeeperParts;

  constructor(parts: LinkKeeperParts) {
    this.#parts = parts;
  }

  /** What is due now and then. */
  look(now: number): void {
    for (const record of this.#parts.table.records) {
      if (record.state === 'dead') continue;
      for (const link of record.links) this.#endRetired(record, link);
      this.#improve(record, now);
    }
    this.#seekLinks();
  }

  /** Links to members that there is none to, made now because somebody wants to talk to them. */
  async connect(peer: PeerId, signal: AbortSignal | undefined): Promise<readonly Link[]> {
    const record = this.#parts.table.find(peer);
    if (record === undefined || record.state === 'dead' || record.links.size > 0) return record?.usableLinks ?? [];
    const linked = Promise.withResolvers<void>();
    const stop = this.#parts.table.listen(({ id }) => {
      if (id === peer && (record.links.size > 0 || record.state === 'dead')) linked.resolve();
    });
    const timeout = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
    const giveUp = (): void => linked.resolve();
    const until = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    until.addEventListener('abort', giveUp, { once: true });
    try {
      this.#parts.dialer().dialNow(peer);
      await linked.promise;
      return record.usableLinks;
    } finally {
      stop();
      until.removeEventListener('abort', giveUp);
    }
  }

  /** Two connections that are as good: the node with the smaller id retires the one it did not dial, so that both don't drop one each. */
  thin(record: PeerRecord): void {
    if (this.#parts.self > record.id) return;
    const lasting = [...record.links].filter((link) => !link.retiring);
    for (const link of lasting) {
      const better = lasting.find(
        (other) =>
          other !== link &&
          !other.retiring &&
          other.interfaceType === link.interfaceType &&
          (other.connection.direction === 'outbound' || link.connection.direction === 'inbound'),
      );
      if (better === undefined) continue;
      link.retiring = true;
      link.say({ kind: 'retire' });
      return;
    }
  }

  /** A cable was plugged or pulled: links over addresses that are gone hang, and better ones may have come. */
  localAddressesChanged(): void {
    for (const record of this.#parts.table.records) {
      record.improvedMs = Number.NEGATIVE_INFINITY;
      for (const link of record.links) {
        const local = socketAddresses(link.connection)?.local;
        if (local === undefined || this.#parts.hasAddress(local)) continue;
        link.connection.abort(new StreamLostError(`The interface with ${local} is gone.`));
        record.goneAddresses.add(local);
      }
      const [other] = record.usableLinks;
      if (other !== undefined) this.tellGone(record, other);
    }
  }

  /** The other end of a link over an address that is gone would notice nothing for a while: another link tells it. */
  tellGone(record: PeerRecord, link: Link): void {
    for (const address of record.goneAddresses) link.say({ kind: 'address-gone', address });
    record.goneAddresses.clear();
  }

  /** The other side told of such an address of its own over `link`. */
  remoteAddressGone(record: PeerRecord, link: Link, address: string): void {
    for (const other of record.links)
      if (other !== link && socketAddresses(other.connection)?.remote === address)
        other.connection.abort(new StreamLostError(`${record.name} lost its interface with ${address}.`));
  }

  /** In a large mesh: makes up for links that were lost. */
  #seekLinks(): void {
    let { missing } = this.#parts.shape;
    for (const record of this.#parts.table.records) {
      if (missing <= 0) return;
      if (record.links.size > 0 || record.state !== 'alive') continue;
      this.#parts.dialer().know(record.id, record.known?.addresses ?? [], this.#parts.settings.dialPatienceMs);
      missing--;
    }
  }

  /** The node with the smaller id looks for a better way, so that not both dial. */
  #improve(record: PeerRecord, now: number): void {
    const best = record.usableLinks[0];
    if (best === undefined || this.#parts.self > record.id || now - record.improvedMs < IMPROVE_MS) return;
    record.improvedMs = now;
    const [address] = betterAddresses(record.known?.addresses ?? [], {
      locals: this.#parts.locals(),
      classify: this.#parts.classify,
      tier: record.link.tier,
    });
    if (address !== undefined) void this.#parts.dialer().alsoDial(record.id, address);
  }

  /**
   * The side that retired a link closes it when no stream but the control stream is left on it. The other side may have opened one that did
   * not arrive yet: it says when it has none any more, behind all that it sent over them.
   */
  #endRetired(record: PeerRecord, link: Link): void {
    if (!link.retiring || record.links.size < 2 || link.streamsInUse > 1) return;
    if (this.#parts.self < record.id) {
      if (link.released) this.#close(link);
    } else if (!link.released) {
      link.released = true;
      link.say({ kind: 'retire' });
    }
  }

  /** What was sent over it arrives: a stream of this side may have been begun just before it was retired, and have ended just now. */
  #close({ connection }: Link): void {
    if (connection.status === 'open') void closeBehind(connection, new StreamLostError('Another connection took over.'));
  }
}
