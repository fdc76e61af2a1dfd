import { randomBytes } from 'node:crypto';
import type { FrameStream, PeerId, PippaError } from '@pippa/core';
import { MODELS_LIMITS, parsePieceReply, ProtocolError, type PieceReply, type PieceRequest } from '@pippa/protocol';
import { SECRET_BYTES } from '../bulk/bulk-keys.ts';
import { bulkReceivers, type BulkReceiver } from '../bulk/bulk-receivers.ts';
import { ASKED, type PieceOutcome, type ReceiveTarget } from '../bulk/piece-receiver.ts';
import type { PieceMap } from '../pieces/piece-map.ts';
import type { PieceSet } from '../pieces/piece-set.ts';

interface Transfer {
  readonly length: number;
  /** Taken with the first bytes: most pieces that are asked for have not begun to come. */
  buffer: Uint8Array<ArrayBuffer> | undefined;
  readonly startedMs: number;
  received: number;
  /** Another peer was faster: what still comes is dropped. */
  cancelled: boolean;
}

export interface PieceSourceEvents {
  /** All bytes of a piece came; they are not checked yet. */
  onPiece(source: PieceSource, piece: number, bytes: Uint8Array<ArrayBuffer>): void;
  /** A thread took the piece in over a direct connection, checked it and wrote it. */
  onStored(source: PieceSource, piece: number, bytes: number, outcome: Exclude<PieceOutcome, 'dropped'>): void;
  /** The peer does not have it (any more). */
  onMissing(source: PieceSource, piece: number): void;
  /** The stream is over; `breach` when the peer broke the rules. Called once. */
  onEnd(source: PieceSource, reason: PippaError | undefined, breach: boolean): void;
  nowMs(): number;
  /** Where the bytes of a piece are gathered. */
  takeBuffer(length: number): Uint8Array<ArrayBuffer>;
  /** One that `onPiece` was not called for. */
  giveBuffer(buffer: ArrayBuffer): void;
}

/** Asked for before any rate was measured, and at least: one comes while the next is asked for. */
const FIRST_PIECES = 3;
/** Asked for ahead: what comes in so long, so that the peer never waits for the next question. */
const AHEAD_MS = 250;
/** Bound of memory for what is under way from one peer. */
const MAX_AHEAD_BYTES = 64 * 1024 * 1024;

/** One peer that pieces come from, over one stream. */
export class PieceSource {
  readonly peer: PeerId;
  have: PieceSet;
  bytesReceived = 0;
  lastByteMs: number;
  readonly #stream: FrameStream;
  readonly #map: PieceMap;
  readonly #events: PieceSourceEvents;
  readonly #transfers = new Map<number, Transfer>();
  /** Cancelled before their first byte. */
  readonly #crossing = new Map<number, Transfer>();
  #bytesPerSecond = 0;
  #hasEnded = false;
  #isPaused = false;
  /** What was sent when a direct connection was asked for. */
  #directSecret: Uint8Array | undefined;
  #direct: BulkReceiver | undefined;
  #self: PeerId | undefined;
  #target: ReceiveTarget | undefined;

  constructor(stream: FrameStream, map: PieceMap, have: PieceSet, events: PieceSourceEvents) {
    this.peer = stream.peer;
    this.have = have;
    this.#stream = stream;
    this.#map = map;
    this.#events = events;
    this.lastByteMs = events.nowMs();
    stream.onFrame((frame) => {
      try {
        this.#take(frame.header, frame.payload);
      } catch (error) {
        this.end(error as PippaError, true);
      }
    });
    void stream.closed.then((reason) => this.#ended(reason, false));
  }

  /** Bytes a second while something was under way; 0 before the first piece. */
  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  /** Pieces under way. */
  get asked(): ReadonlyMap<number, { readonly startedMs: number; readonly cancelled: boolean }> {
    return this.#transfers;
  }

  /** How many more pieces may be asked for now. */
  get room(): number {
    const ahead = (this.#bytesPerSecond * AHEAD_MS) / 1000;
    const depth = Math.ceil(Math.min(MAX_AHEAD_BYTES, ahead) / this.#map.pieceBytes);
    return Math.max(FIRST_PIECES, Math.min(MODELS_LIMITS.wantedPieces, depth)) - this.#transfers.size;
  }

  has(piece: number): boolean {
    return this.have.has(piece);
  }

  open(request: Extract<PieceRequest, { kind: 'open' }>): void {
    this.#send(request);
  }

  want(pieces: readonly number[]): void {
    if (pieces.length === 0) return;
    const nowMs = this.#events.nowMs();
    if (this.#transfers.size === 0) this.lastByteMs = nowMs;
    for (const piece of pieces) {
      const { length } = this.#map.place(piece);
      this.#transfers.set(piece, { length, buffer: undefined, startedMs: nowMs, received: 0, cancelled: false });
      this.#mark(piece, 'yes');
    }
    this.#send({ kind: 'want', pieces: [...pieces] });
  }

  cancel(piece: number): void {
    const transfer = this.#transfers.get(piece);
    if (transfer === undefined || transfer.cancelled) return;
    transfer.cancelled = true;
    this.#mark(piece, 'cancelled');
    this.#send({ kind: 'cancel', pieces: [piece] });
    if (transfer.received > 0) return;
    // What has not begun never comes, unless it crosses this message.
    this.#transfers.delete(piece);
    this.#crossing.set(piece, transfer);
    const [oldest] = this.#crossing.keys();
    if (this.#crossing.size > MODELS_LIMITS.wantedPieces && oldest !== undefined) this.#forget(oldest);
  }

  wrong(piece: number): void {
    this.#send({ kind: 'wrong', piece });
  }

  pause(): void {
    this.#isPaused = true;
    this.#stream.pause();
    this.#direct?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#stream.resume();
    this.#direct?.resume();
  }

  /**
   * Asks for a direct connection, once: pieces come over it as soon as it stands, and over the stream until then. `target`: where they
   * go, without what is asked for.
   */
  goDirect(self: PeerId, target: Omit<ReceiveTarget, 'asked'>): void {
    if (this.#directSecret !== undefined) return;
    bulkReceivers.warm();
    this.#directSecret = new Uint8Array(randomBytes(SECRET_BYTES));
    this.#self = self;
    this.#target = { ...target, asked: new Uint8Array(new SharedArrayBuffer(this.#map.count)) };
    for (const [piece, { cancelled }] of this.#transfers) this.#mark(piece, cancelled ? 'cancelled' : 'yes');
    for (const piece of this.#crossing.keys()) this.#mark(piece, 'cancelled');
    this.#send({ kind: 'direct', secret: this.#directSecret });
  }

  /** Over what most pieces come now. */
  get isDirect(): boolean {
    return this.#direct !== undefined;
  }

  /** Nothing more comes from this peer. */
  end(reason: PippaError | undefined, breach = false): void {
    if (this.#hasEnded) return;
    if (reason === undefined) void this.#stream.close().catch(() => {});
    else this.#stream.abort(reason);
    this.#ended(reason, breach);
  }

  #send(request: PieceRequest): void {
    // A stream that is gone says so by `closed`.
    this.#stream.send(request).catch(() => {});
  }

  #take(header: unknown, payload: Uint8Array): void {
    if (this.#hasEnded) return;
    const reply = parsePieceReply(header);
    if (reply.kind === 'direct') return void this.#connect(reply);
    if (reply.kind === 'missing') return this.#missing(reply.piece);
    if (reply.kind === 'refused') return this.end(new ProtocolError(`The peer refused: ${reply.message}`));
    this.#data(reply.piece, reply.offset, payload);
  }

  #missing(piece: number): void {
    const transfer = this.#transfers.get(piece);
    this.#forget(piece);
    this.have.delete(piece);
    if (transfer?.cancelled === false) this.#events.onMissing(this, piece);
  }

  #data(piece: number, offset: number, payload: Uint8Array): void {
    const transfer = this.#transfers.get(piece) ?? this.#crossing.get(piece);
    if (transfer === undefined) throw new ProtocolError(`The peer sent piece ${piece}, which nobody asked for.`);
    if (offset !== transfer.received || payload.length === 0 || offset + payload.length > transfer.length)
      throw new ProtocolError(`The peer sent bytes of piece ${piece} that do not follow the others.`);
    const buffer = (transfer.buffer ??= this.#events.takeBuffer(transfer.length));
    buffer.set(payload, offset);
    transfer.received += payload.length;
    this.#count(payload.length);
    if (transfer.received < transfer.length) return;
    this.#forget(piece);
    if (transfer.cancelled) this.#events.giveBuffer(buffer.buffer);
    else this.#events.onPiece(this, piece, buffer);
  }

  async #connect({ port, addresses, token, secret }: Extract<PieceReply, { kind: 'direct' }>): Promise<void> {
    const openerSecret = this.#directSecret;
    const [self, target] = [this.#self, this.#target];
    // No port: the stream has to do.
    if (port === undefined || openerSecret === undefined || self === undefined || target === undefined) return;
    const agreement = { opener: self, server: this.peer, openerSecret, serverSecret: secret, token };
    const receiver = await bulkReceivers.connect(
      { agreement, port, addresses, target },
      {
        onBytes: (bytes) => this.#count(bytes),
        onPiece: (piece, outcome) => this.#stored(piece, outcome),
        onEnd: (reason, breach) => this.end(reason, breach),
      },
    );
    if (receiver === undefined) return;
    if (this.#hasEnded) return receiver.close();
    this.#direct = receiver;
    if (this.#isPaused) receiver.pause();
  }

  /** A thread took the piece in. What was asked for is told by the one that asked: a peer that makes up pieces has none there. */
  #stored(piece: number, outcome: PieceOutcome): void {
    const transfer = this.#transfers.get(piece);
    this.#forget(piece);
    if (this.#hasEnded || transfer === undefined || transfer.cancelled || outcome === 'dropped') return;
    this.#events.onStored(this, piece, transfer.length, outcome);
  }

  #mark(piece: number, state: keyof typeof ASKED): void {
    if (this.#target !== undefined) Atomics.store(this.#target.asked, piece, ASKED[state]);
  }

  #forget(piece: number): void {
    if (!this.#transfers.delete(piece)) this.#crossing.delete(piece);
    if (!this.#transfers.has(piece) && !this.#crossing.has(piece)) this.#mark(piece, 'no');
  }

  #count(bytes: number): void {
    const nowMs = this.#events.nowMs();
    const elapsedMs = Math.max(0.05, nowMs - this.lastByteMs);
    this.lastByteMs = nowMs;
    this.bytesReceived += bytes;
    // A mean over the last half second or so, weighted by time; it begins low and grows.
    const weight = Math.min(1, elapsedMs / 500);
    const rate = (bytes / elapsedMs) * 1000;
    const before = this.#bytesPerSecond;
    this.#bytesPerSecond = before + weight * (rate - before);
  }

  #ended(reason: PippaError | undefined, breach: boolean): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#direct?.close();
    this.#events.onEnd(this, reason, breach);
  }
}
