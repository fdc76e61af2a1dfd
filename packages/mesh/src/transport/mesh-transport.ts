import { StoppedError } from '@pippa/core';
import { ADMISSION_PROTOCOL, STREAM_PROTOCOL } from '@pippa/protocol';
import type { Connection, Stream } from '@libp2p/interface';
import type { Libp2p } from 'libp2p';
import type { MeshOptions } from '../mesh-options.ts';
import { Dialer, type DialerParts } from '../peers/dialer.ts';
import type { ReportProblem } from '../problems.ts';
import { createTransport } from './create-libp2p.ts';

const MAX_INBOUND_STREAMS = 512;

export interface MeshTransportParts extends Omit<DialerParts, 'libp2p'> {
  readonly options: Pick<MeshOptions, 'state' | 'listen' | 'createTransport'>;
  /** Multiaddrs to listen on, at this port. */
  toListenOn(port: number): readonly string[];
  readonly report: ReportProblem;
  onConnection(connection: Connection): void;
  answerAdmission(stream: Stream, connection: Connection): Promise<void>;
  acceptStream(stream: Stream, connection: Connection): Promise<void>;
}

/** This node's libp2p, and what dials with it, from its start on. */
export class MeshTransport {
  readonly #parts: MeshTransportParts;
  #libp2p: Libp2p | undefined;
  #dialer: Dialer | undefined;

  constructor(parts: MeshTransportParts) {
    this.#parts = parts;
  }

  get isStarted(): boolean {
    return this.#dialer !== undefined;
  }

  /** Multiaddrs that are listened on; none before the start. */
  get listening(): readonly string[] {
    return (this.#libp2p?.getMultiaddrs() ?? []).map(String);
  }

  /** Throws `StoppedError` before the start. */
  get libp2p(): Libp2p {
    if (this.#libp2p === undefined) throw notStarted();
    return this.#libp2p;
  }

  /** Throws `StoppedError` before the start. */
  get dialer(): Dialer {
    if (this.#dialer === undefined) throw notStarted();
    return this.#dialer;
  }

  async start(): Promise<void> {
    const { port = 0, orAnyPort = false } = this.#parts.options.listen ?? {};
    await this.#open(port);
    if (this.listening.length > 0) return;
    if (orAnyPort && port !== 0) {
      // Somebody took it since it was looked at, as when two nodes of a machine start at once.
      await this.stop();
      await this.#open(0);
      if (this.listening.length > 0) return;
    }
    this.#parts.report(
      String(port),
      'port_taken',
      `Port ${port} cannot be listened on; others can't dial this node.`,
      'Choose another --mesh-port.',
    );
  }

  stopDialling(): void {
    this.#dialer?.stop();
  }

  async stop(): Promise<void> {
    this.stopDialling();
    await this.#libp2p?.stop();
  }

  async #open(port: number): Promise<void> {
    const { options, onConnection, answerAdmission, acceptStream, toListenOn } = this.#parts;
    const create = options.createTransport ?? createTransport;
    const libp2p = await create({ privateKey: options.state.identity.privateKey, listen: toListenOn(port) });
    this.#libp2p = libp2p;
    this.#dialer = new Dialer({ ...this.#parts, libp2p });
    libp2p.addEventListener('connection:open', ({ detail }) => onConnection(detail));
    await libp2p.handle(ADMISSION_PROTOCOL, answerAdmission, { maxInboundStreams: 1 });
    await libp2p.handle(STREAM_PROTOCOL, acceptStream, {
      maxInboundStreams: MAX_INBOUND_STREAMS,
      maxOutboundStreams: MAX_INBOUND_STREAMS,
    });
    await libp2p.start();
  }
}

function notStarted(): StoppedError {
  return new StoppedError('The mesh node has not been started.');
}
