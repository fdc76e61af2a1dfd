import { multiaddr } from '@multiformats/multiaddr';
import { errorMessage, peerId, type Clock, type Logger, type PeerId } from '@pippa/core';
import type { Libp2p } from 'libp2p';
import type { MeshSettings } from '../settings.ts';
import { backoffMs } from './backoff.ts';

const MAX_ADDRESSES_A_PEER = 32;
const MAX_TARGETS = 512;
const MAX_PARALLEL_DIALS = 2;
/** A dial of all addresses of a peer. */
const DIAL_TIMEOUT_MS = 20_000;

export interface DialerParts {
  readonly self: PeerId;
  readonly libp2p: Libp2p;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: MeshSettings;
  readonly random: () => number;
  isConnected(peer: PeerId): boolean;
  /** Whether a link to a peer that nobody asked for is worth a dial. */
  wants(peer: PeerId): boolean;
  /** A dial of a peer failed; `refused`: nobody listens there. */
  onFailed(peer: PeerId): void;
  /** An address that the person gave leads to a node with this node's own id. */
  onSelf(address: string): void;
}

/** A member that was not reached this often is left to find this node, by multicast or a dial of its own. */
const MAX_ATTEMPTS = 12;

interface Target {
  /** A person gave it: never given up. */
  readonly given: boolean;
  /** Undefined for an address that was given without one. */
  readonly peer: PeerId | undefined;
  /** Newest first. */
  addresses: string[];
  attempt: number;
  dialling: boolean;
  /** Somebody wants to talk to it. */
  urgent?: boolean;
  cancel: (() => void) | undefined;
}

/** Dials the peers that are known of until they are connected, and again when they are lost. */
export class Dialer {
  readonly #parts: DialerParts;
  readonly #targets = new Map<string, Target>();
  readonly #queue: Target[] = [];
  readonly #stopped = new AbortController();
  #active = 0;
  #resting = false;

  constructor(parts: DialerParts) {
    this.#parts = parts;
  }

  /** Peers that are known of. */
  get size(): number {
    return this.#targets.size;
  }

  /** Dials that are under way, beside the one that is about to begin. */
  get active(): number {
    return this.#active - 1;
  }

  /** An address that a person gave: dialled until the node stops. */
  add(address: string): void {
    const peer = multiaddr(address)
      .getComponents()
      .findLast((component) => component.name === 'p2p')?.value;
    const target: Target = {
      given: true,
      peer: peer === undefined ? undefined : peerId(peer),
      addresses: [withoutPeer(address)],
      attempt: 0,
      dialling: false,
      cancel: undefined,
    };
    this.#targets.set(peer ?? address, target);
    this.#schedule(target, 0);
  }

  /** Where a peer may be. The node with the smaller id dials after `firstMs`, the other one `patienceMs` later, in case both know. */
  know(peer: PeerId, addresses: readonly string[], patienceMs: number, firstMs = 0): void {
    if (peer === this.#parts.self || this.#stopped.signal.aborted) return;
    const plain = addresses.map(withoutPeer);
    const existing = this.#targets.get(peer);
    if (existing === undefined && !this.#makeRoom()) return;
    const target = existing ?? { given: false, peer, addresses: [], attempt: 0, dialling: false, cancel: undefined };
    this.#targets.set(peer, target);
    const isNew = plain.some((address) => !target.addresses.includes(address));
    target.addresses = [...new Set([...plain, ...target.addresses])].slice(0, MAX_ADDRESSES_A_PEER);
    if (this.#parts.isConnected(peer) || target.dialling) return;
    // Nothing new: the waiting time of earlier failures stands.
    if (target.cancel !== undefined && !isNew) return;
    this.#schedule(target, firstMs + (this.#parts.self < peer ? 0 : patienceMs));
  }

  /** Dials at once, because somebody wants to talk to the peer. */
  dialNow(peer: PeerId): void {
    const target = this.#targets.get(peer);
    if (target === undefined) {
      this.#parts.onFailed(peer);
      return;
    }
    target.urgent = true;
    this.#schedule(target, 0);
  }

  /** Dials at once, because the connection broke. False when no address is known. */
  lost(peer: PeerId): boolean {
    const target = this.#targets.get(peer);
    if (target === undefined || target.addresses.length === 0) return false;
    target.attempt = 0;
    // Whether it is dead or not is what somebody waits to know.
    target.urgent = true;
    this.#schedule(target, 0);
    return true;
  }

  /** One more connection to a connected peer, over an address that promises more. False when it failed. */
  async alsoDial(peer: PeerId, address: string): Promise<boolean> {
    try {
      const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]);
      await this.#parts.libp2p.dial(multiaddr(`${address}/p2p/${peer}`), { signal, force: true });
      return true;
    } catch (error) {
      this.#parts.logger.debug({ peer, address, error: errorMessage(error) }, 'a better address could not be dialled');
      return false;
    }
  }

  /** Stops caring for a peer that left or was removed. */
  forget(peer: PeerId): void {
    const target = this.#targets.get(peer);
    if (target === undefined) return;
    target.cancel?.();
    this.#targets.delete(peer);
    const queued = this.#queue.indexOf(target);
    if (queued >= 0) this.#queue.splice(queued, 1);
  }

  /** Knows nobody any more. */
  clear(): void {
    for (const target of this.#targets.values()) target.cancel?.();
    this.#targets.clear();
    this.#queue.length = 0;
  }

  /** Dials nobody until `resume`. */
  rest(): void {
    this.#resting = true;
    for (const target of this.#targets.values()) {
      target.cancel?.();
      target.cancel = undefined;
    }
    this.#queue.length = 0;
  }

  /** Dials everybody who is not connected again, as if nothing had been tried before. */
  resume(): void {
    this.#resting = false;
    for (const target of this.#targets.values()) {
      target.attempt = 0;
      if (target.peer === undefined || !this.#parts.isConnected(target.peer)) this.#schedule(target, 0);
    }
  }

  stop(): void {
    this.#stopped.abort();
    this.clear();
  }

  /** A flood of made-up peers must not keep real ones out: those that failed go first. */
  #makeRoom(): boolean {
    if (this.#targets.size < MAX_TARGETS) return true;
    for (const [key, target] of this.#targets) {
      if (
        target.given ||
        target.dialling ||
        target.attempt === 0 ||
        (target.peer !== undefined && this.#parts.isConnected(target.peer))
      )
        continue;
      target.cancel?.();
      this.#targets.delete(key);
      return true;
    }
    return false;
  }

  #schedule(target: Target, delayMs: number): void {
    if (this.#stopped.signal.aborted || this.#resting || target.dialling) return;
    target.cancel?.();
    target.cancel = this.#parts.clock.schedule(delayMs, () => {
      target.cancel = undefined;
      this.#enqueue(target);
    });
  }

  /** Few at a time: a node that comes into a large mesh must not dial itself into timeouts. What somebody waits for goes first. */
  #enqueue(target: Target): void {
    if (this.#queue.includes(target)) return;
    if (target.urgent === true) this.#queue.unshift(target);
    else this.#queue.push(target);
    this.#next();
  }

  #next(): void {
    while (this.#active < MAX_PARALLEL_DIALS || this.#queue[0]?.urgent === true) {
      // By chance, since all hear of the same nodes in the same order: else the first one is dialled by everybody at once.
      const at = this.#queue[0]?.urgent === true ? 0 : Math.floor(this.#parts.random() * this.#queue.length);
      const [target] = this.#queue.splice(at, 1);
      if (target === undefined) return;
      this.#active++;
      void this.#dial(target).finally(() => {
        this.#active--;
        this.#next();
      });
    }
  }

  async #dial(target: Target): Promise<void> {
    const { libp2p, logger } = this.#parts;
    if (this.#stopped.signal.aborted || target.dialling) return;
    if (target.peer !== undefined && this.#parts.isConnected(target.peer)) return;
    if (target.peer !== undefined && !target.given && target.urgent !== true && !this.#parts.wants(target.peer)) return;
    target.urgent = false;
    target.dialling = true;
    try {
      const addresses = target.addresses.map((address) =>
        multiaddr(target.peer === undefined ? address : `${address}/p2p/${target.peer}`),
      );
      const connection = await libp2p.dial(addresses, {
        signal: AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]),
      });
      target.dialling = false;
      // Refused, or ended after it was admitted: in the second case `lost` has scheduled a dial already, or somebody said goodbye.
      connection.addEventListener('close', () => this.#again(target));
      if (connection.status !== 'open') this.#again(target);
    } catch (error) {
      target.dialling = false;
      if (this.#stopped.signal.aborted) return;
      if (isSelf(error)) {
        this.#parts.onSelf(target.addresses[0] ?? '');
        return;
      }
      logger.debug({ peer: target.peer, addresses: target.addresses, error: errorMessage(error) }, 'a dial failed');
      if (target.peer !== undefined) this.#parts.onFailed(target.peer);
      this.#again(target);
    }
  }

  /** Schedules the next try, later each time. */
  #again(target: Target): void {
    const { settings, random } = this.#parts;
    const isKnown = [...this.#targets.values()].includes(target);
    if (!isKnown || target.cancel !== undefined || target.dialling || (!target.given && target.attempt >= MAX_ATTEMPTS)) return;
    this.#schedule(target, backoffMs(target.attempt++, settings.redialMs, settings.redialMaxMs, random));
  }
}

/** Noise proved this node's own id at the other end. */
function isSelf(error: unknown): boolean {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  return errors.some((inner) => inner instanceof Error && inner.name === 'InvalidPeerIdError');
}

function withoutPeer(address: string): string {
  const end = address.indexOf('/p2p/');
  return end < 0 ? address : address.slice(0, end);
}
