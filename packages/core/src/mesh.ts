import { PippaError } from './errors.ts';
import type { PeerId } from './ids.ts';
import type { LinkFacts, NodeCard } from './node-card.ts';

/** One message on a stream: a small structured header, and bytes that travel as they are. */
export interface Frame {
  /** Decoded msgpack, not checked yet. */
  readonly header: unknown;
  /** 8-aligned, so that typed arrays can be laid over it without a copy. Empty when there is none. */
  readonly payload: Uint8Array;
}

/** A stream to a peer is gone: the peer died, the link broke, or one side aborted. */
export class StreamLostError extends PippaError {
  readonly code: string = 'stream_lost';
  override readonly retryable = true;
}

/** No such peer, or it cannot be reached now. */
export class PeerUnreachableError extends PippaError {
  readonly code: string = 'peer_unreachable';
  override readonly retryable = true;
}

/** The peer answered a request with an error of its own. `code` is the peer's. */
export class PeerRefusedError extends PippaError {
  readonly code: string;

  constructor(message: string, code: string, options: { readonly hint?: string } = {}) {
    super(message, options);
    this.code = code;
  }
}

/** Frames in both directions with one peer under one protocol, in order, with backpressure. */
export interface FrameStream {
  readonly peer: PeerId;
  readonly protocol: string;
  /**
   * Resolves when the next frame may be sent; whoever waits for it is slowed down to what the peer takes. `payload` must not change
   * until then. Rejects with `StreamLostError`.
   */
  send(header: unknown, payload?: Uint8Array): Promise<void>;
  /** Sets the one consumer. Frames that came before are kept for it, within the stream's window. */
  onFrame(consumer: (frame: Frame) => void): void;
  /** Stops taking frames in, and with it, once its window is full, the sender. */
  pause(): void;
  resume(): void;
  /** Settles once: undefined after a goodbye of either side, else what ended the stream. Never rejects. */
  readonly closed: Promise<PippaError | undefined>;
  /** Says goodbye after what was sent; the peer sees a clean end. */
  close(): Promise<void>;
  /** Ends at once, dropping what is under way; the peer sees `reason`'s code and message where it still can be told. */
  abort(reason: PippaError): void;
}

/** `suspect`: silent for longer than a Wi-Fi stall explains, but not given up. */
export type PeerState = 'alive' | 'suspect' | 'dead';

export interface Peer {
  readonly id: PeerId;
  readonly state: PeerState;
  /** Undefined until it arrived. */
  readonly card: NodeCard | undefined;
  readonly link: LinkFacts;
}

export interface OpenStreamOptions {
  /**
   * Does not wait for the peer to take the stream: saves a round trip where something is sent at once. A refusal then shows as the end
   * of the stream.
   */
  readonly eager?: boolean;
  readonly signal?: AbortSignal;
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
  /** 10 s when left out. */
  readonly timeoutMs?: number;
}

/** This node among its peers: what `ring` and `models` need of the mesh. Only admitted peers are seen here. */
export interface Mesh {
  readonly self: PeerId;
  /** This node's own card as it is advertised. */
  readonly card: NodeCard;
  /** All admitted peers, dead ones for a while too. */
  peers(): readonly Peer[];
  peer(id: PeerId): Peer | undefined;
  /** Calls back after any peer's state, card or link changed, or a peer came or went. Returns how to stop that. */
  onPeersChanged(listener: (peer: Peer) => void): () => void;
  /** Changes this node's card; the mesh learns of it within a second. */
  updateCard(change: Partial<Omit<NodeCard, 'peer' | 'version'>>): void;
  /** Opens a stream; to `self` too, which stays in the process. Throws `PeerUnreachableError` or the signal's reason. */
  open(peer: PeerId, protocol: string, options?: OpenStreamOptions): Promise<FrameStream>;
  /** Takes streams that peers open. Returns how to stop that. One handler a protocol. */
  handle(protocol: string, handler: (stream: FrameStream) => void): () => void;
  /** One question, one answer. Throws `PeerUnreachableError`, `PeerRefusedError`, `StreamLostError` or the signal's reason. */
  request(peer: PeerId, protocol: string, question: unknown, options?: RequestOptions): Promise<unknown>;
  /** Answers such questions; what `answer` throws reaches the peer as a `PeerRefusedError`. Returns how to stop that. */
  answer(protocol: string, answer: (question: unknown, from: PeerId, signal: AbortSignal) => Promise<unknown>): () => void;
}
