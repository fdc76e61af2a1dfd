import { errorMessage, StoppedError, type FrameStream, type Logger, type Mesh, type PippaError } from '@pippa/core';
import {
  MODELS_LIMITS,
  parsePieceQuestion,
  parsePieceRequest,
  PIECE_TABLE_PROTOCOL,
  PIECES_PROTOCOL,
  ProtocolError,
  type PieceAnswer,
  type PieceReply,
} from '@pippa/protocol';
import { ModelNotHereError } from '../errors.ts';
import type { DirectConnection, DirectListener } from '../bulk/direct-listener.ts';
import { SECRET_BYTES, TOKEN_BYTES } from '../bulk/bulk-keys.ts';
import { HASH_BYTES, tableDigest } from '../pieces/piece-table.ts';
import type { Holding, Holdings } from './holding.ts';
import type { Pacer } from './pacer.ts';
import type { SwarmTraffic } from './swarm-traffic.ts';

/** Streams that are served at once; a house has fewer nodes. */
const MAX_STREAMS = 64;

export interface ServePiecesOptions {
  readonly mesh: Mesh;
  readonly holdings: Holdings;
  /** Shared by all streams: what uploads may take of this node's link. */
  readonly pacer: Pacer;
  /** Counts what is sent. */
  readonly traffic?: SwarmTraffic;
  /** Where peers may connect directly; left out: everything goes over streams of the mesh. */
  readonly direct?: DirectListener | undefined;
  readonly logger: Logger;
}

/** Answers peers who ask for pieces. Returns how to stop that; what is under way is aborted then. */
export function servePieces(options: ServePiecesOptions): () => void {
  const { mesh, holdings } = options;
  const uploads = new Set<Upload>();
  const stops = [
    mesh.answer(PIECE_TABLE_PROTOCOL, (question) => answerQuestion(holdings, question)),
    mesh.handle(PIECES_PROTOCOL, (stream) => {
      if (uploads.size >= MAX_STREAMS) return stream.abort(new StoppedError('Too many peers are being served.'));
      const upload = new Upload(stream, options);
      uploads.add(upload);
      void upload.done.then(() => uploads.delete(upload));
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    for (const upload of uploads) upload.stop();
  };
}

async function answerQuestion(holdings: Holdings, question: unknown): Promise<PieceAnswer> {
  const asked = parsePieceQuestion(question);
  switch (asked.kind) {
    case 'manifest': {
      const manifest = await holdings.manifest(asked.model);
      if (manifest === undefined) throw notHere();
      return { kind: 'manifest', manifest: { ...manifest, layers: [...manifest.layers], cuts: [...manifest.cuts] } };
    }
    case 'have': {
      const held = await holdings.held(asked.model);
      if (held === undefined) throw notHere();
      const { digest, pieces, isVerified } = held;
      const bitmap = pieces?.toBytes() ?? new Uint8Array(0);
      const answer = { kind: 'have', whole: pieces === undefined, pieces: bitmap, verified: isVerified } as const;
      return digest === undefined ? answer : { ...answer, digest };
    }
    case 'origin': {
      const reference = holdings.origin(asked.model);
      return { kind: 'origin', ...(reference === undefined ? {} : { reference }) };
    }
    case 'table':
    default: {
      const table = await holdings.table(asked.model);
      if (table === undefined) throw notHere();
      if (typeof table === 'number') return { kind: 'hashing', fraction: table };
      const hashes = table.hashes.slice(asked.from * HASH_BYTES, (asked.from + MODELS_LIMITS.pageHashes) * HASH_BYTES);
      const { pieceBytes, files } = table;
      return { kind: 'table', digest: tableDigest(table), pieceBytes, files: [...files], from: asked.from, hashes };
    }
  }
}

function notHere(): ModelNotHereError {
  return new ModelNotHereError('The model is not here.');
}

/** One stream: sends what is wanted, in order, at the pace of the peer and of the pacer. */
class Upload {
  readonly done: Promise<void>;
  readonly #stream: FrameStream;
  readonly #options: ServePiecesOptions;
  readonly #abort = new AbortController();
  readonly #wanted: number[] = [];
  #opening: Promise<Holding> | undefined;
  #isSending = false;
  #hasOffered = false;
  #buffer: Uint8Array | undefined;
  #direct: DirectConnection | undefined;

  constructor(stream: FrameStream, options: ServePiecesOptions) {
    this.#stream = stream;
    this.#options = options;
    stream.onFrame((frame) => this.#take(frame.header));
    this.done = stream.closed.then(async () => {
      this.#abort.abort(new StoppedError('The stream has ended.'));
      this.#direct?.close();
      await this.#opening?.then(
        (holding) => holding.close(),
        () => {},
      );
    });
  }

  stop(): void {
    this.#stream.abort(new StoppedError('This node has stopped giving pieces.'));
  }

  #take(header: unknown): void {
    try {
      const request = parsePieceRequest(header);
      switch (request.kind) {
        case 'open':
          if (this.#opening !== undefined) throw new ProtocolError('A peer opened a stream of pieces twice.');
          this.#options.direct?.warm();
          this.#opening = this.#open(request.model, request.digest);
          this.#opening.catch((error: unknown) => void this.#refuse(error));
          break;
        case 'want':
          if (this.#opening === undefined) throw new ProtocolError('A peer asked for pieces before it said of which model.');
          if (this.#wanted.length + request.pieces.length > 2 * MODELS_LIMITS.wantedPieces)
            throw new ProtocolError('A peer asked for too many pieces at once.');
          this.#wanted.push(...request.pieces);
          void this.#sendAll();
          break;
        case 'cancel':
          for (const piece of request.pieces) {
            const index = this.#wanted.indexOf(piece);
            if (index >= 0) this.#wanted.splice(index, 1);
          }
          break;
        case 'direct':
          if (this.#hasOffered) throw new ProtocolError('A peer asked for a second direct connection.');
          this.#hasOffered = true;
          void this.#offer(request.secret);
          break;
        case 'wrong':
        default:
          void this.#recheck(request.piece);
      }
    } catch (error) {
      this.#stream.abort(error as PippaError);
    }
  }

  async #open(model: Parameters<Holdings['open']>[0], digest: string): Promise<Holding> {
    const holding = await this.#options.holdings.open(model);
    if (holding === undefined) throw notHere();
    if (holding.digest === digest) return holding;
    await holding.close();
    throw new ModelNotHereError('The model here has other pieces.');
  }

  async #sendAll(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      const holding = await this.#opening;
      if (holding === undefined) return;
      for (let piece = this.#wanted.shift(); piece !== undefined; piece = this.#wanted.shift())
        await this.#sendPiece(holding, piece);
    } catch (error) {
      if (!this.#abort.signal.aborted) await this.#refuse(error);
    } finally {
      this.#isSending = false;
    }
  }

  async #sendPiece(holding: Holding, piece: number): Promise<void> {
    if (piece >= holding.map.count || !holding.has(piece)) return this.#reply({ kind: 'missing', piece });
    // A piece goes one way from its first byte to its last.
    return this.#direct?.isOpen === true ? this.#sendDirect(this.#direct, holding, piece) : this.#sendFrames(holding, piece);
  }

  /** A thread reads, seals and sends it. */
  async #sendDirect(connection: DirectConnection, holding: Holding, piece: number): Promise<void> {
    const { path, offset: start, length } = holding.place(piece);
    const { pacer } = this.#options;
    for (let offset = 0; offset < length;) {
      // Where there is a rate the link is shared with others, who want their turn.
      const bytes = Math.min(length - offset, pacer.isLimited ? MODELS_LIMITS.chunkBytes : length);
      await pacer.take(bytes, this.#abort.signal);
      await connection.send({ path, position: start + offset, piece, offset, bytes });
      this.#count(bytes);
      offset += bytes;
    }
  }

  async #sendFrames(holding: Holding, piece: number): Promise<void> {
    // Whatever was sent from it before is under way by copies now: `send` has settled.
    this.#buffer ??= new Uint8Array(holding.map.pieceBytes);
    const bytes = await holding.read(piece, 0, holding.map.pieceBytes, this.#buffer);
    for (let offset = 0; offset < bytes.length; offset += MODELS_LIMITS.chunkBytes) {
      const chunk = bytes.subarray(offset, offset + MODELS_LIMITS.chunkBytes);
      await this.#options.pacer.take(chunk.length, this.#abort.signal);
      await this.#reply({ kind: 'data', piece, offset }, chunk);
      this.#count(chunk.length);
    }
  }

  #count(bytes: number): void {
    if (this.#options.traffic !== undefined) this.#options.traffic.sentBytes += bytes;
  }

  async #offer(openerSecret: Uint8Array): Promise<void> {
    const { direct, mesh, logger } = this.#options;
    try {
      if (direct === undefined) {
        const none = { addresses: [], token: new Uint8Array(TOKEN_BYTES), secret: new Uint8Array(SECRET_BYTES) };
        return await this.#reply({ kind: 'direct', ...none });
      }
      const offer = await direct.offer({ opener: this.#stream.peer, server: mesh.self, openerSecret }, (connection) => {
        if (this.#abort.signal.aborted) connection.close();
        else this.#direct = connection;
      });
      await this.#reply({ kind: 'direct', ...offer, addresses: [...offer.addresses] });
    } catch (error) {
      // The stream goes on to carry pieces.
      logger.debug({ peer: this.#stream.peer, error: errorMessage(error) }, 'no direct connection can be offered');
    }
  }

  #reply(reply: PieceReply, payload?: Uint8Array): Promise<void> {
    return this.#stream.send(reply, payload);
  }

  async #recheck(piece: number): Promise<void> {
    try {
      const holding = await this.#opening;
      if (holding === undefined || piece >= holding.map.count || (await holding.recheck(piece))) return;
      this.#options.logger.warn(
        { piece, peer: this.#stream.peer },
        'a piece has been damaged on disk: it is no longer given to others',
      );
    } catch (error) {
      this.#options.logger.warn({ piece, error: errorMessage(error) }, 'a piece cannot be checked');
    }
  }

  /** The peer is told, and the stream ends. */
  async #refuse(failure: unknown): Promise<void> {
    const code = failure instanceof Error && 'code' in failure ? String(failure.code).slice(0, 64) : 'failed';
    const message = errorMessage(failure).slice(0, MODELS_LIMITS.messageCharacters);
    try {
      await this.#reply({ kind: 'refused', code, message });
      await this.#stream.close();
    } catch {
      // It is gone already.
    }
  }
}
