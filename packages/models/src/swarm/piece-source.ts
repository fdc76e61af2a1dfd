import type { FrameStream, PeerId, PippaError } from '@pippa/core';
import { MODELS_LIMITS, parsePieceReply, ProtocolError, type PieceRequest } from '@pippa/protocol';
import type { PieceMap } from '../pieces/piece-map.ts';
import type { PieceSet } from '../pieces/piece-set.ts';

interface Transfer {
  readonly buffer: Uint8Array;
  readonly startedMs: number;
  received: number;
  /** Another peer was faster: what still comes is dropped. */
  cancelled: boolean;
}

export interface PieceSourceEvents {
  /** All bytes of a piece came; they are not checked yet. Until it settles no more is taken in than the window allows. */
  onPiece(source: PieceSource, piece: number, bytes: Uint8Array): void;
  /** The peer does not have it (any more). */
  onMissing(source: PieceSource, piece: number): void;
  /** The stream is over; `breach` when the peer broke the rules. Called once. */
  onEnd(source: PieceSource, reason: PippaError | undefined, breach: boolean): void;
  nowMs(): number;
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
      const buffer = new Uint8Array(this.#map.place(piece).length);
      this.#transfers.set(piece, { buffer, startedMs: nowMs, received: 0, cancelled: false });
    }
    this.#send({ kind: 'want', pieces: [...pieces] });
  }

  cancel(piece: number): void {
    const transfer = this.#transfers.get(piece);
    if (transfer === undefined || transfer.cancelled) return;
    transfer.cancelled = true;
    this.#send({ kind: 'cancel', pieces: [piece] });
    if (transfer.received > 0) return;
    // What has not begun never comes, unless it crosses this message.
    this.#transfers.delete(piece);
    this.#crossing.set(piece, transfer);
    const [oldest] = this.#crossing.keys();
    if (this.#crossing.size > MODELS_LIMITS.wantedPieces && oldest !== undefined) this.#crossing.delete(oldest);
  }

  wrong(piece: number): void {
    this.#send({ kind: 'wrong', piece });
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
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
    if (reply.kind === 'refused') return this.end(new ProtocolError(`The peer refused: ${reply.message}`));
    const transfer = this.#transfers.get(reply.piece) ?? this.#crossing.get(reply.piece);
    if (reply.kind === 'missing') {
      this.#forget(reply.piece);
      this.have.delete(reply.piece);
      if (transfer?.cancelled === false) this.#events.onMissing(this, reply.piece);
      return;
    }
    if (transfer === undefined) throw new ProtocolError(`The peer sent piece ${reply.piece}, which nobody asked for.`);
    if (reply.offset !== transfer.received || payload.length === 0 || reply.offset + payload.length > transfer.buffer.length)
      throw new ProtocolError(`The peer sent bytes of piece ${reply.piece} that do not follow the others.`);
    transfer.buffer.set(payload, reply.offset);
    transfer.received += payload.length;
    this.#count(payload.length);
    if (transfer.received < transfer.buffer.length) return;
    this.#forget(reply.piece);
    if (!transfer.cancelled) this.#events.onPiece(this, reply.piece, transfer.buffer);
  }

  #forget(piece: number): void {
    if (!this.#transfers.delete(piece)) this.#crossing.delete(piece);
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
    this.#events.onEnd(this, reason, breach);
  }
}
