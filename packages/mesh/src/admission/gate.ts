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
import { bytesRead, onIncomingStream, socketAddresses } from '../transport/corked-tcp.ts';
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
  /** A stranger asks to be let in. Settles when that is decided either way. */
  onJoin(dialogue: Dialogue, peer: PeerId, opening: Extract<AdmissionOpening, { kind: 'join' }>): Promise<void>;
}

interface Entry {
  readonly address: string;
  readonly settled: PromiseWithResolvers<boolean>;
  admitted: boolean;
  /** A person decides; the connection may wait. */
  joining: boolean;
}

/** Decides over every connection: nothing but admission is reachable before the key was proven by both sides. */
export class Gate {
  readonly #parts: GateParts;
  readonly #entries = new Map<Connection, Entry>();

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /** Connections whose other side is unknown. */
  get unadmitted(): number {
    return [...this.#entries.values()].filter((entry) => !entry.admitted).length;
  }

  async isAdmitted(connection: Connection): Promise<boolean> {
    const entry = this.#entries.get(connection);
    return entry !== undefined && (entry.admitted || (await entry.settled.promise));
  }

  /** To be told of every connection as it opens. */
  opened(connection: Connection): void {
    const address = socketAddresses(connection)?.remote ?? '';
    if (connection.direction === 'inbound' && this.#isCrowded(address)) {
      connection.abort(new AdmissionError('Too many connections that have not proven anything.', 'busy'));
      return;
    }
    const entry: Entry = { address, settled: Promise.withResolvers(), admitted: false, joining: false };
    this.#entries.set(connection, entry);
    this.#watch(connection, entry);
    const cancel = this.#parts.clock.schedule(this.#parts.settings.admissionMs, () => {
      if (!entry.admitted && !entry.joining) connection.abort(new AdmissionError('The key was not proven in time.', 'timeout'));
    });
    connection.addEventListener('close', () => {
      cancel();
      this.#entries.delete(connection);
      entry.settled.resolve(false);
    });
    if (connection.direction === 'outbound' && this.#parts.membership() !== undefined) void this.prove(connection);
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
      if (entry === undefined || entry.admitted || entry.joining) throw new BadMessageError('Admission was asked for twice.');
      const opening = await dialogue.hear(admissionOpening, 'admission', signal);
      await this.#checkVersion(dialogue, opening.version);
      if (opening.kind === 'join') {
        entry.joining = true;
        await this.#parts.onJoin(dialogue, peer, opening).finally(() => {
          entry.joining = false;
        });
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
      this.#refuse(connection, peer, error);
    }
  }

  /** Keeps what a stranger can make this node hold small, whatever it opens and sends. */
  #watch(connection: Connection, entry: Entry): void {
    const give = (what: string): void =>
      connection.abort(new AdmissionError(`Too many ${what} before the key was proven.`, 'busy'));
    let streams = 0;
    onIncomingStream(connection, () => {
      if (!entry.admitted && ++streams > MAX_UNADMITTED_STREAMS) give('streams');
    });
    const look = (): void => {
      if (entry.admitted || connection.status !== 'open') return;
      if (bytesRead(connection) > MAX_UNADMITTED_BYTES) give('bytes');
      else this.#parts.clock.schedule(WATCH_MS, look);
    };
    this.#parts.clock.schedule(WATCH_MS, look);
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
      if (entry.admitted) continue;
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
    entry.admitted = true;
    entry.settled.resolve(true);
    this.#parts.onAdmitted(admitted);
  }

  #refuse(connection: Connection, peer: PeerId, error: unknown): void {
    const entry = this.#entries.get(connection);
    entry?.settled.resolve(false);
    const reason =
      error instanceof PippaError
        ? error
        : new AdmissionError(`Admission of ${peer} failed: ${errorMessage(error)}`, 'failed', { cause: error });
    this.#parts.logger.debug({ peer, code: reason.code }, 'admission refused');
    this.#parts.onRefused(peer, reason);
    if (entry?.admitted !== true) connection.abort(reason);
  }
}
