import type { Connection, Stream } from '@libp2p/interface';
import { errorMessage, KIB, peerId, PippaError, type Clock, type Logger, type PeerId } from '@pippa/core';
import {
  ADMISSION_FRAME_LIMITS,
  ADMISSION_PROTOCOL,
  admissionOpening,
  BadMessageError,
  PROTOCOL_VERSION,
  type AdmissionOpening,
} from '@pippa/protocol';
import { AdmissionError } from '../errors.ts';
import type { MeshSettings } from '../settings.ts';
import type { Membership } from '../state/membership.ts';
import { PeerStream } from '../streams/peer-stream.ts';
import { closeBehind } from '../transport/close-behind.ts';
import { onIncomingStream, socketAddresses, trafficOf, type Traffic } from '../transport/corked-tcp.ts';
import { Dialogue } from './dialogue.ts';
import type { UsableKey } from './key-ring.ts';
import { proveAsInitiator, proveAsResponder, refusal } from './prove-membership.ts';

/** Connections of one address that have not proven anything yet; members of one host that come at once stay below it. */
const MAX_UNADMITTED_PER_ADDRESS = 64;
const MAX_UNADMITTED = 192;
/** An admission takes one stream and under 1 KB; a member's first streams may come right behind it. */
const MAX_UNADMITTED_STREAMS = 4;
const MAX_UNADMITTED_BYTES = 64 * KIB;
const WATCH_MS = 100;

export interface Admitted {
  readonly connection: Connection;
  readonly peer: PeerId;
  readonly key: UsableKey;
  /** This side dialled. */
  readonly initiator: boolean;
}

export interface GateParts {
  readonly self: PeerId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: MeshSettings;
  membership(): Membership | undefined;
  onAdmitted(admitted: Admitted): void;
  onRefused(peer: PeerId, error: PippaError): void;
  /** A stranger asks to be let in. Settles when that is decided; true when it has the key now. */
  onJoin(dialogue: Dialogue, peer: PeerId, opening: Extract<AdmissionOpening, { kind: 'join' }>): Promise<boolean>;
}

interface Entry {
  readonly address: string;
  readonly settled: PromiseWithResolvers<boolean>;
  /** By which it was admitted. */
  key: UsableKey | undefined;
  /** A person decides; the connection may wait. */
  joining: boolean;
  cancelDeadline: () => void;
}

/** Decides over every connection: nothing but admission is reachable before the key was proven by both sides. */
export class Gate {
  readonly #parts: GateParts;
  readonly #entries = new Map<Connection, Entry>();
  /** Of the connections that are closed. */
  #past: Traffic = { sentBytes: 0, receivedBytes: 0 };

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /** Over all connections since the start. */
  get traffic(): Traffic {
    return [...this.#entries.keys()].map(trafficOf).reduce(sum, this.#past);
  }

  /** Connections whose other side is unknown. */
  get unadmitted(): number {
    return [...this.#entries.values()].filter((entry) => entry.key === undefined).length;
  }

  async isAdmitted(connection: Connection): Promise<boolean> {
    const entry = this.#entries.get(connection);
    return entry !== undefined && (entry.key !== undefined || (await entry.settled.promise));
  }

  /** The key by which the other side was admitted. */
  keyOf(connection: Connection): UsableKey | undefined {
    return this.#entries.get(connection)?.key;
  }

  /** To be told of every connection as it opens. */
  opened(connection: Connection): void {
    // Its end would not be told any more.
    if (connection.status !== 'open') return;
    const address = socketAddresses(connection)?.remote ?? '';
    if (connection.direction === 'inbound' && this.#isCrowded(address)) {
      connection.abort(new AdmissionError('Too many connections that have not proven anything.', 'busy'));
      return;
    }
    const entry: Entry = { address, settled: Promise.withResolvers(), key: undefined, joining: false, cancelDeadline: () => {} };
    this.#entries.set(connection, entry);
    this.#armDeadline(connection, entry);
    this.#watch(connection, entry);
    connection.addEventListener('close', () => {
      entry.cancelDeadline();
      this.#past = sum(this.#past, trafficOf(connection));
      this.#entries.delete(connection);
      entry.settled.resolve(false);
    });
    if (connection.direction === 'outbound' && this.#parts.membership() !== undefined) void this.prove(connection);
  }

  /** Ends all connections to a peer, whether it has proven the key, is about to, or has no link yet; left out: to everybody. */
  cut(peer?: PeerId): void {
    for (const connection of this.#entries.keys())
      if (peer === undefined || connection.remotePeer.toString() === peer)
        connection.abort(new AdmissionError('It is not a member of the same mesh any more.', 'removed'));
  }

  /** Proves this node's key over a connection that it dialled. */
  async prove(connection: Connection): Promise<void> {
    const peer = peerId(connection.remotePeer.toString());
    const signal = AbortSignal.timeout(this.#parts.settings.admissionMs);
    try {
      const membership = this.#parts.membership();
      if (membership === undefined) throw new AdmissionError('This node has no mesh key yet.', 'no_key');
      const stream = await connection.newStream(ADMISSION_PROTOCOL, { signal });
      const dialogue = this.#dialogue(stream, peer);
      const key = await proveAsInitiator({ dialogue, self: this.#parts.self, peer, membership, signal });
      void dialogue.stream.close();
      this.#admit({ connection, peer, key, initiator: true });
    } catch (error) {
      this.#refuse(connection, peer, error);
    }
  }

  /** An admission stream that the other side opened. */
  async answer(stream: Stream, connection: Connection): Promise<void> {
    const peer = peerId(connection.remotePeer.toString());
    const entry = this.#entries.get(connection);
    const signal = AbortSignal.timeout(this.#parts.settings.admissionMs);
    const dialogue = this.#dialogue(stream, peer);
    try {
      if (entry === undefined || entry.key !== undefined || entry.joining)
        throw new BadMessageError('Admission was asked for twice.');
      const opening = await dialogue.hear(admissionOpening, 'admission', signal);
      await this.#checkVersion(dialogue, opening.version);
      if (opening.kind === 'join') {
        await this.#wait(connection, entry, async () => this.#parts.onJoin(dialogue, peer, opening));
        return;
      }
      const membership = this.#parts.membership();
      if (membership === undefined) {
        await dialogue.say(refusal('no_key', 'This node has not joined a mesh yet.'));
        throw new AdmissionError(`${peer} belongs to a mesh, this node does not yet.`, 'no_key');
      }
      const key = await proveAsResponder({ dialogue, self: this.#parts.self, peer, membership, signal }, opening);
      this.#admit({ connection, peer, key, initiator: false });
    } catch (error) {
      await dialogue.stream.close().catch(() => {});
      // The other side shall hear why.
      if (entry?.key === undefined) await closeBehind(connection, reasonOf(error, peer));
      this.#refuse(connection, peer, error);
    }
  }

  /** Keeps what a stranger can make this node hold small, whatever it opens and sends. */
  #watch(connection: Connection, entry: Entry): void {
    const give = (what: string): void =>
      connection.abort(new AdmissionError(`Too many ${what} before the key was proven.`, 'busy'));
    let streams = 0;
    onIncomingStream(connection, () => {
      if (entry.key === undefined && ++streams > MAX_UNADMITTED_STREAMS) give('streams');
    });
    const look = (): void => {
      if (entry.key !== undefined || connection.status !== 'open') return;
      if (trafficOf(connection).receivedBytes > MAX_UNADMITTED_BYTES) give('bytes');
      else this.#parts.clock.schedule(WATCH_MS, look);
    };
    this.#parts.clock.schedule(WATCH_MS, look);
  }

  /** Speaks the stranger's side of a join over a connection that this node dialled. */
  async ask<Result>(connection: Connection, speak: (dialogue: Dialogue, member: PeerId) => Promise<Result>): Promise<Result> {
    const entry = this.#entries.get(connection);
    const member = peerId(connection.remotePeer.toString());
    if (entry === undefined) throw new AdmissionError(`The connection to ${member} is closed.`, 'failed');
    const signal = AbortSignal.timeout(this.#parts.settings.admissionMs);
    let result: { readonly value: Result } | undefined;
    await this.#wait(connection, entry, async () => {
      const dialogue = this.#dialogue(await connection.newStream(ADMISSION_PROTOCOL, { signal }), member);
      result = { value: await speak(dialogue, member) };
      void dialogue.stream.close();
      return true;
    });
    if (result === undefined) throw new AdmissionError(`${member} ended the connection.`, 'failed');
    return result.value;
  }

  /** The deadline of admission is off while a person decides, and on anew after a yes. */
  async #wait(connection: Connection, entry: Entry, decide: () => Promise<boolean>): Promise<void> {
    entry.joining = true;
    entry.cancelDeadline();
    try {
      if (await decide()) this.#armDeadline(connection, entry);
      else await closeBehind(connection, new AdmissionError('Not let in.', 'not_approved'));
    } catch (error) {
      connection.abort(error instanceof PippaError ? error : new AdmissionError(errorMessage(error), 'failed', { cause: error }));
      throw error;
    } finally {
      entry.joining = false;
    }
  }

  #armDeadline(connection: Connection, entry: Entry): void {
    entry.cancelDeadline = this.#parts.clock.schedule(this.#parts.settings.admissionMs, () => {
      if (entry.key === undefined) connection.abort(new AdmissionError('The key was not proven in time.', 'timeout'));
    });
  }

  async #checkVersion(dialogue: Dialogue, version: number): Promise<void> {
    if (version === PROTOCOL_VERSION) return;
    await dialogue.say(refusal('version_mismatch', `This node speaks version ${PROTOCOL_VERSION}, not ${version}.`));
    throw new AdmissionError(
      `${dialogue.stream.peer} speaks version ${version}, this node ${PROTOCOL_VERSION}.`,
      'version_mismatch',
      {
        hint: 'Update the older of the two.',
      },
    );
  }

  #isCrowded(address: string): boolean {
    let sameAddress = 0;
    let all = 0;
    for (const entry of this.#entries.values()) {
      if (entry.key !== undefined) continue;
      all++;
      if (entry.address === address) sameAddress++;
    }
    return all >= MAX_UNADMITTED || sameAddress >= MAX_UNADMITTED_PER_ADDRESS;
  }

  #dialogue(stream: Stream, peer: PeerId): Dialogue {
    return new Dialogue(new PeerStream(stream, { peer, protocol: ADMISSION_PROTOCOL, limits: ADMISSION_FRAME_LIMITS }));
  }

  #admit(admitted: Admitted): void {
    const entry = this.#entries.get(admitted.connection);
    if (entry === undefined || admitted.connection.status !== 'open') return;
    entry.key = admitted.key;
    entry.cancelDeadline();
    entry.settled.resolve(true);
    this.#parts.onAdmitted(admitted);
  }

  #refuse(connection: Connection, peer: PeerId, error: unknown): void {
    const entry = this.#entries.get(connection);
    entry?.settled.resolve(false);
    const reason = reasonOf(error, peer);
    this.#parts.logger.debug({ peer, code: reason.code }, 'admission refused');
    this.#parts.onRefused(peer, reason);
    if (entry?.key === undefined) connection.abort(reason);
  }
}

function reasonOf(error: unknown, peer: PeerId): PippaError {
  if (error instanceof PippaError) return error;
  return new AdmissionError(`Admission of ${peer} failed: ${errorMessage(error)}`, 'failed', { cause: error });
}

function sum(a: Traffic, b: Traffic): Traffic {
  return { sentBytes: a.sentBytes + b.sentBytes, receivedBytes: a.receivedBytes + b.receivedBytes };
}
