import {
  peerId,
  silentLogger,
  systemClock,
  type Clock,
  type FrameStream,
  type Logger,
  type Mesh,
  type NodeCard,
  type OpenStreamOptions,
  type Peer,
  type PeerId,
  type RequestOptions,
} from '@pippa/core';
import { StreamService } from '../streams/stream-service.ts';

export interface SoloMeshOptions {
  readonly card: Omit<NodeCard, 'peer' | 'version' | 'protocolVersion'>;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

const SELF = peerId('this-node');

/** A mesh of this node alone: no network, no identity, streams to itself only. What needs a mesh runs the same with it. */
export class SoloMesh implements Mesh {
  readonly self: PeerId = SELF;
  readonly #clock: Clock;
  readonly #streams: StreamService;
  #card: NodeCard;

  constructor({ card, logger = silentLogger, clock = systemClock }: SoloMeshOptions) {
    this.#clock = clock;
    this.#card = { ...card, peer: SELF, version: Math.floor(clock.wallMs()), protocolVersion: 0 };
    this.#streams = new StreamService({
      self: SELF,
      logger,
      clock,
      linksOf: () => [],
      connect: async () => [],
      isAdmitted: async () => false,
    });
  }

  get card(): NodeCard {
    return this.#card;
  }

  peers(): readonly Peer[] {
    return [];
  }

  peer(): undefined {
    return undefined;
  }

  onPeersChanged(): () => void {
    return () => {};
  }

  updateCard(change: Partial<Omit<NodeCard, 'peer' | 'version'>>): void {
    const version = Math.max(this.#card.version + 1, Math.floor(this.#clock.wallMs()));
    this.#card = { ...this.#card, ...change, version };
  }

  open(peer: PeerId, protocol: string, options?: OpenStreamOptions): Promise<FrameStream> {
    return this.#streams.open(peer, protocol, options);
  }

  handle(protocol: string, handler: (stream: FrameStream) => void): () => void {
    return this.#streams.handle(protocol, handler);
  }

  request(peer: PeerId, protocol: string, question: unknown, options?: RequestOptions): Promise<unknown> {
    return this.#streams.request(peer, protocol, question, options);
  }

  answer(protocol: string, answer: (question: unknown, from: PeerId, signal: AbortSignal) => Promise<unknown>): () => void {
    return this.#streams.answer(protocol, answer);
  }
}
