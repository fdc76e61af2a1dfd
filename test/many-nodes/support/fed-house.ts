import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  peerId,
  silentLogger,
  systemClock,
  type FrameStream,
  type OpenStreamOptions,
  type PeerId,
  type RequestOptions,
} from '@pippa/core';
import { encodeFrame, FrameDecoder, STREAM_FRAME_LIMITS, type DecodedFrame, type StreamMessage } from '@pippa/protocol';
import { blankCard } from '@pippa/testing';
import type { JoinDesk } from '../../../agent/src/mesh/shared-joins.ts';
import { AdmissionError } from '../../../packages/mesh/src/errors.ts';
import { answerProbe, PROBE_PROTOCOL } from '../../../packages/mesh/src/links/probe.ts';
import { StreamService } from '../../../packages/mesh/src/streams/stream-service.ts';
import { fedConnection } from '../../../packages/mesh/test/support/memory-libp2p.ts';
import { populate, type Residents } from './hostile-house.ts';

const ATTACKER = '12D3KooWQzsztAX9rANYuccxukPtuyJyZ46zvr7esceHk5N3HrmP';
/** Turns of the event loop in which an answer is to come. */
const TURNS = 12;

/** A mesh of one node, whose streams come from `FedHouse`. */
class FedMesh implements JoinDesk {
  readonly self = peerId('12D3KooWAXxSENFVfsXhSQs6XxXxLqUmsUSFUaUDbQJFe9FXrVCD');
  readonly card = { ...blankCard('victim'), peer: this.self };
  readonly pendingJoins = [];
  readonly handled = new Set<string>();
  readonly streams = new StreamService({
    self: this.self,
    logger: silentLogger,
    clock: systemClock,
    linksOf: () => [],
    connect: async () => [],
    isAdmitted: async () => true,
  });

  peers(): readonly [] {
    return [];
  }

  peer(): undefined {
    return undefined;
  }

  onPeersChanged(): () => void {
    return () => {};
  }

  onPendingJoinsChanged(): () => void {
    return () => {};
  }

  approve(): never {
    throw new AdmissionError('Nobody waits.', 'not_waiting');
  }

  updateCard(): void {}

  async open(peer: PeerId, protocol: string, options?: OpenStreamOptions): Promise<FrameStream> {
    return this.streams.open(peer, protocol, options);
  }

  handle(protocol: string, handler: (stream: FrameStream) => void): () => void {
    this.handled.add(protocol);
    return this.streams.handle(protocol, handler);
  }

  async request(peer: PeerId, protocol: string, question: unknown, options?: RequestOptions): Promise<unknown> {
    return this.streams.request(peer, protocol, question, options);
  }

  answer(protocol: string, answer: (question: unknown, from: PeerId, signal: AbortSignal) => Promise<unknown>): () => void {
    this.handled.add(protocol);
    return this.streams.answer(protocol, answer);
  }
}

/** A whole node whose streams are fed with bytes, without a network: a hundred times as fast as over one. */
export class FedHouse {
  readonly #mesh = new FedMesh();
  readonly #folder: string;
  #residents: Residents | undefined;
  #open = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<FedHouse> {
    const house = new FedHouse(await mkdtemp(join(tmpdir(), 'pippa-fed-')));
    house.#mesh.handle(PROBE_PROTOCOL, answerProbe);
    house.#residents = await populate(house.#mesh, house.#folder);
    return house;
  }

  /** Names of the protocols that the node takes. */
  get protocols(): readonly string[] {
    return [...this.#mesh.handled];
  }

  /** Streams that the node did not end yet. */
  get openStreams(): number {
    return this.#open;
  }

  /** Feeds a stream and ends it; returns what the node said to it: a code, `answered`, or `nothing`. */
  async strike(protocol: string, hostile: Uint8Array): Promise<string> {
    const fed = fedConnection(ATTACKER);
    this.#open++;
    fed.stream.addEventListener('close', () => this.#open--);
    await this.#mesh.streams.accept(fed.stream, fed.connection);
    fed.feed(Buffer.concat(encodeFrame({ kind: 'open', protocol }, undefined, { control: true })));
    fed.feed(hostile);
    let said = verdict(fed.sent);
    for (let turn = 0; turn < TURNS && said === 'nothing'; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      said = verdict(fed.sent);
    }
    fed.finish();
    return said;
  }

  async close(): Promise<void> {
    await this.#residents?.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function verdict(sent: readonly Uint8Array[]): string {
  const decoder = new FrameDecoder(STREAM_FRAME_LIMITS);
  for (const bytes of sent) decoder.push(bytes);
  for (let next: DecodedFrame | undefined = decoder.next(); next !== undefined; next = decoder.next()) {
    const { kind, code } = (next.header ?? {}) as { readonly kind?: StreamMessage['kind']; readonly code?: string };
    if (next.control && kind === 'accept') continue;
    if (code !== undefined) return code;
    if (!next.control) return 'answered';
  }
  return 'nothing';
}
