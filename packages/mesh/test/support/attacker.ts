import type { Connection } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { peerId, type PeerId } from '@pippa/core';
import { ADMISSION_FRAME_LIMITS, ADMISSION_PROTOCOL, STREAM_FRAME_LIMITS, type STREAM_PROTOCOL } from '@pippa/protocol';
import type { Libp2p } from 'libp2p';
import { once } from 'node:events';
import { Dialogue } from '../../src/admission/dialogue.ts';
import { createIdentity, type Identity } from '../../src/index.ts';
import { PeerStream } from '../../src/streams/peer-stream.ts';
import { createTransport } from '../../src/transport/create-libp2p.ts';

/** Somebody who speaks libp2p and the frames of the wire, but doesn't keep to anything above them. */
export class Attacker implements AsyncDisposable {
  readonly identity: Identity;
  readonly libp2p: Libp2p;

  private constructor(identity: Identity, libp2p: Libp2p) {
    this.identity = identity;
    this.libp2p = libp2p;
  }

  static async create(): Promise<Attacker> {
    const identity = await createIdentity();
    const libp2p = await createTransport({ privateKey: identity.privateKey, listen: ['/ip4/127.0.0.1/tcp/0'] });
    await libp2p.start();
    return new Attacker(identity, libp2p);
  }

  get peer(): PeerId {
    return this.identity.peer;
  }

  get address(): string {
    return this.libp2p.getMultiaddrs()[0]?.toString() ?? '';
  }

  async connect(address: string): Promise<Connection> {
    return this.libp2p.dial(multiaddr(address));
  }

  async admission(connection: Connection): Promise<Dialogue> {
    return new Dialogue(await this.stream(connection, ADMISSION_PROTOCOL));
  }

  async stream(connection: Connection, protocol: typeof ADMISSION_PROTOCOL | typeof STREAM_PROTOCOL): Promise<PeerStream> {
    const raw = await connection.newStream(protocol, { maxOutboundStreams: 10_000 });
    return new PeerStream(raw, {
      peer: peerId(connection.remotePeer.toString()),
      protocol,
      limits: protocol === ADMISSION_PROTOCOL ? ADMISSION_FRAME_LIMITS : STREAM_FRAME_LIMITS,
      onNegotiation: () => {},
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.libp2p.stop();
  }
}

/** Settles when the other side has ended the connection. */
export async function ended(connection: Connection): Promise<void> {
  if (connection.status === 'open' || connection.status === 'closing') await once(connection as unknown as EventTarget, 'close');
}
