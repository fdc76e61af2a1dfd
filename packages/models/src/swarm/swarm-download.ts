import { errorMessage, StoppedError, nameOf, type PippaError, type Clock, type Logger, type Mesh, type PeerId } from '@pippa/core';
import { PIECES_PROTOCOL, ProtocolError } from '@pippa/protocol';
import { ModelNotHereError, OtherCopyError, WrongPieceError } from '../errors.ts';
import { BufferPool } from '../pieces/buffer-pool.ts';
import type { PieceFile } from '../pieces/piece-file.ts';
import { headerPieces } from '../pieces/piece-table.ts';
import { AskAllowance } from './ask-allowance.ts';
import { orderPieces, piecesUnderWay, slowPiece, takeOwned } from './choose-pieces.ts';
import { askHave, holdersOf } from './fetch-table.ts';
import { PieceSource } from './piece-source.ts';
import { OriginFetch } from './origin-fetch.ts';
import { PeerBook, type DroppedPeer } from './peer-book.ts';
import type { PieceOrigin } from './piece-origin.ts';
import type { SwarmTraffic } from './swarm-traffic.ts';
import { WantedPieces, type WantOptions } from './wanted-pieces.ts';

/** Peers are looked for, and those with a part asked what they have got meanwhile, this often. */
const LOOK_MS = 1000;
/** A peer that owes pieces and sends nothing for so long is left for a while. */
const STALL_MS = 5000;
const RETRY_PEER_MS = 10_000;
/** Without anybody who has any of the missing pieces for so long the download is given up; what came stays. */
const GIVE_UP_MS = 15_000;
/** Bytes that came and are not checked and written yet: beyond it peers are made to wait. */
const MAX_UNWRITTEN_BYTES = 64 * 1024 * 1024;
/** From so much on a direct connection is worth its round trips. */
const DIRECT_FROM_BYTES = 16 * 1024 * 1024;

export interface SwarmDownloadOptions {
  readonly mesh: Mesh;
  readonly file: PieceFile;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0 .. 1; where this node begins among pieces that are equally rare. */
  readonly random: () => number;
  /** Most bytes a second to ask for, of all peers together, asked before each question; no bound when left out. */
  readonly bytesPerSecond?: (() => number) | undefined;
  /** Peers that earlier downloads of the model dropped; this one adds its own. */
  readonly dropped?: Map<PeerId, DroppedPeer>;
  /** Much is asked for over direct connections. */
  readonly isDirect: boolean;
  /** Where the model was got from once: for pieces that no peer has. Left out: not known, or not allowed. */
  readonly origin?: PieceOrigin;
  /** Counts what comes from peers. */
  readonly traffic?: SwarmTraffic;
}

/**
 * Gets pieces of one model from all peers that have some, into its `PieceFile`. Works as long as somebody wants something. Peers that
 * send wrong bytes are left alone for minutes; slow and silent ones are asked again soon.
 */
export class SwarmDownload {
  readonly #options: SwarmDownloadOptions;
  readonly #wanted: WantedPieces;
  readonly #sources = new Map<PeerId, PieceSource>();
  readonly #book: PeerBook;
  readonly #allowance: AskAllowance;
  readonly #origin: OriginFetch | undefined;
  readonly #buffers: BufferPool;
  readonly #urgent: ReadonlySet<number>;
  readonly #start: number;
  /** Missing pieces that nobody was asked for, in the order to ask for them; made anew when owners change. */
  #queue: number[] | undefined;
  readonly #writing = new Set<number>();
  #unwrittenBytes = 0;
  #arePaused = false;
  #abort = new AbortController();
  #stopLooking: (() => void) | undefined;
  #isLooking = false;
  /** When somebody had any of what is missing. */
  #lastOwnerMs = 0;
  #lastFailure = '';

  constructor(options: SwarmDownloadOptions) {
    this.#options = options;
    const { file, clock, dropped = new Map(), bytesPerSecond = () => Infinity, origin } = options;
    this.#wanted = new WantedPieces(file.map, () => this.#wantsChanged());
    this.#book = new PeerBook(clock, dropped);
    this.#allowance = new AskAllowance(clock, bytesPerSecond, () => this.#fill());
    this.#buffers = new BufferPool(file.map.pieceBytes);
    this.#urgent = new Set(headerPieces(file.table, file.map));
    this.#start = Math.floor(options.random() * file.map.count);
    this.#origin =
      origin === undefined
        ? undefined
        : new OriginFetch(origin, options, {
            onPiece: (piece, bytes) => this.#arrived(piece, bytes),
            onEnd: () => {
              this.#queue = undefined;
              this.#considerOrigin();
            },
          });
  }

  get dropped(): readonly DroppedPeer[] {
    return this.#book.dropped;
  }

  /** Settles when all these pieces are here and on disk. Throws `ModelNotHereError`, what writing throws, or the signal's reason. */
  async want(pieces: Iterable<number>, options: WantOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const { file } = this.#options;
    await this.#wanted.wait(new Set([...pieces].filter((piece) => !file.present.has(piece))), options);
    await file.flush();
  }

  /** Gives up all that is wanted; what came stays. */
  stop(reason: PippaError = new StoppedError('The download was stopped.')): void {
    this.#wanted.fail(reason);
  }

  #wantsChanged(): void {
    this.#queue = undefined;
    if (this.#wanted.isEmpty) this.#end();
    else if (this.#stopLooking === undefined) this.#begin();
    else this.#fill();
  }

  #begin(): void {
    const { mesh, clock } = this.#options;
    this.#abort = new AbortController();
    this.#lastOwnerMs = clock.nowMs();
    const stopListening = mesh.onPeersChanged(() => void this.#look());
    let cancel = (): void => {};
    const tick = (): void => {
      cancel = clock.schedule(LOOK_MS, () => {
        this.#checkSources();
        void this.#look();
        if (!this.#wanted.isEmpty) tick();
      });
    };
    tick();
    this.#stopLooking = () => (stopListening(), cancel());
    void this.#look();
  }

  #end(): void {
    this.#stopLooking?.();
    this.#stopLooking = undefined;
    this.#allowance.stop();
    this.#abort.abort(new StoppedError('The download has ended.'));
    for (const source of this.#sources.values()) source.end(undefined);
    this.#sources.clear();
    this.#queue = undefined;
  }

  /** Finds peers and what they have. */
  async #look(): Promise<void> {
    if (this.#isLooking || this.#wanted.isEmpty) return;
    this.#isLooking = true;
    const { mesh, file } = this.#options;
    try {
      const { signal } = this.#abort;
      const holders = holdersOf(mesh, file.id).filter(({ id }) => this.#book.mayAsk(id));
      await Promise.all(holders.map(({ id }) => this.#lookAt(id, signal)));
      this.#checkCopies();
    } finally {
      this.#isLooking = false;
    }
  }

  /** Waiting brings nothing where everybody has another copy than the one that was begun. */
  #checkCopies(): void {
    const { mesh, file } = this.#options;
    if (this.#sources.size > 0 || !this.#book.hasOtherCopies || this.#wanted.isEmpty) return;
    const holders = holdersOf(mesh, file.id).filter((peer) => !this.#book.isDropped(peer.id));
    if (!holders.every((peer) => this.#book.hasOtherCopy(peer.id))) return;
    const names = holders.map((peer) => nameOf(mesh, peer.id)).join(', ');
    this.#wanted.fail(new OtherCopyError(`The pieces of ${file.name} that are here are of another copy than ${names} has.`));
  }

  async #lookAt(peer: PeerId, signal: AbortSignal): Promise<void> {
    const { mesh, file, logger } = this.#options;
    const known = this.#sources.get(peer);
    if (known?.have.isFull === true) return;
    try {
      const have = await askHave(mesh, peer, file.id, { digest: file.digest, count: file.map.count, signal });
      if (have === 'hashing') return;
      if (have === 'other') {
        this.#book.noteOtherCopy(peer);
        this.#lastFailure = `${nameOf(mesh, peer)} has another copy of the model.`;
        logger.warn({ peer, model: file.name }, 'a peer has another copy of the model: its pieces are not used');
        this.#book.putOff(peer, RETRY_PEER_MS);
        return;
      }
      if (known === undefined) {
        const stream = await mesh.open(peer, PIECES_PROTOCOL, { signal });
        if (signal.aborted) return stream.abort(new StoppedError('The download has ended.'));
        const source = new PieceSource(stream, file.map, have, this.#events);
        this.#sources.set(peer, source);
        source.open({ kind: 'open', model: file.id, digest: file.digest });
      } else {
        known.have = have;
      }
      this.#queue = undefined;
      this.#fill();
    } catch (error) {
      if (signal.aborted) return;
      this.#lastFailure = `${nameOf(mesh, peer)}: ${errorMessage(error)}`;
      if (error instanceof ProtocolError) this.#drop(peer, errorMessage(error));
      else this.#book.putOff(peer, LOOK_MS);
      logger.debug({ peer, error: errorMessage(error) }, 'a peer cannot be asked for pieces');
    }
  }

  #checkSources(): void {
    const { clock, mesh } = this.#options;
    const nowMs = clock.nowMs();
    for (const source of this.#sources.values()) {
      if (source.asked.size === 0 || this.#arePaused || nowMs - source.lastByteMs < STALL_MS) continue;
      this.#book.putOff(source.peer, RETRY_PEER_MS);
      source.end(new StoppedError(`${nameOf(mesh, source.peer)} has sent nothing for ${STALL_MS / 1000} s.`));
    }
    this.#considerOrigin();
    const orphans = this.#orphans();
    const isComing = this.#wanted.pieces().size > orphans.length || (this.#origin?.asked.size ?? 0) > 0;
    if (isComing) this.#lastOwnerMs = nowMs;
    if (nowMs - this.#lastOwnerMs >= GIVE_UP_MS) this.#wanted.fail(this.#nobodyError());
    else this.#fill();
  }

  /** Missing pieces that no peer has that can be asked. */
  #orphans(): number[] {
    const queue = (this.#queue ??= this.#makeQueue());
    return queue.filter((piece) => ![...this.#sources.values()].some((source) => source.has(piece)));
  }

  #considerOrigin(): void {
    if (!this.#wanted.isEmpty) this.#origin?.consider(this.#orphans(), this.#abort.signal);
  }

  #nobodyError(): ModelNotHereError {
    const dropped = this.dropped.map(({ name, reason }) => ` ${name} was dropped: ${reason}`).join('');
    const failure = dropped === '' && this.#lastFailure !== '' ? ` ${this.#lastFailure}` : dropped;
    const { file, origin } = this.#options;
    const tried = this.#origin === undefined || this.#origin.failure === '' ? '' : ` ${this.#origin.failure}`;
    const source = file.origin ?? '';
    const hint =
      source === ''
        ? 'Start a node that has the model, or get it with pippa-agent pull.'
        : `Start a node that has the model, get it with pippa-agent pull ${source}${origin === undefined ? ', or start the agent with --auto-pull' : ''}.`;
    return new ModelNotHereError(`No node that can be reached has the missing pieces of ${file.name}.${failure}${tried}`, { hint });
  }

  readonly #events = {
    nowMs: (): number => this.#options.clock.nowMs(),
    takeBuffer: (length: number): Uint8Array<ArrayBuffer> => this.#buffers.take(length),
    giveBuffer: (buffer: ArrayBuffer): void => this.#buffers.give(buffer),
    onPiece: (source: PieceSource, piece: number, bytes: Uint8Array<ArrayBuffer>): void => void this.#store(source, piece, bytes),
    onStored: (source: PieceSource, piece: number, bytes: number, outcome: 'stored' | 'wrong' | Error): void =>
      void this.#stored(source, piece, bytes, outcome),
    onMissing: (): void => {
      this.#queue = undefined;
      this.#fill();
    },
    onEnd: (source: PieceSource, reason: PippaError | undefined, breach: boolean): void => {
      if (this.#sources.get(source.peer) === source) this.#sources.delete(source.peer);
      if (this.#wanted.isEmpty) return;
      if (breach) this.#drop(source.peer, errorMessage(reason));
      else if (reason !== undefined) this.#lastFailure = `${nameOf(this.#options.mesh, source.peer)}: ${reason.message}`;
      // Tried again with the next look, unless that was put off.
      if (!breach && !this.#book.isPutOff(source.peer)) this.#book.putOff(source.peer, LOOK_MS);
      this.#queue = undefined;
      this.#fill();
    },
  };

  #drop(peer: PeerId, reason: string): void {
    const { mesh, logger, file } = this.#options;
    const name = nameOf(mesh, peer);
    if (!this.#book.drop(peer, name, reason)) return;
    logger.warn({ peer, name, model: file.name, reason }, 'a peer is dropped from a download');
    // A goodbye, not an abort: the peer should still hear which piece was wrong.
    this.#sources.get(peer)?.end(undefined);
    this.#queue = undefined;
  }

  /** A piece that came over a stream: it is to be checked and written. */
  #store(source: PieceSource, piece: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#keep(source, piece, bytes.length, async () => {
      this.#buffers.give(await this.#options.file.store(piece, bytes));
    });
  }

  /** A piece that a thread took in: it is checked and written, or not. */
  #stored(source: PieceSource, piece: number, bytes: number, outcome: 'stored' | 'wrong' | Error): Promise<void> {
    return this.#keep(source, piece, bytes, async () => {
      if (outcome === 'wrong') throw new WrongPieceError('The thread found another hash than the table has.');
      if (outcome !== 'stored') throw outcome;
      await this.#options.file.stored(piece);
    });
  }

  async #keep(source: PieceSource, piece: number, bytes: number, work: () => Promise<void>): Promise<void> {
    const { mesh, traffic } = this.#options;
    if (traffic !== undefined) traffic.receivedBytes += bytes;
    this.#writing.add(piece);
    this.#unwrittenBytes += bytes;
    this.#pauseIfFull();
    this.#fill();
    try {
      await work();
      this.#writing.delete(piece);
      for (const other of this.#sources.values()) other.cancel(piece);
      this.#arrived(piece, bytes);
    } catch (error) {
      this.#writing.delete(piece);
      if (error instanceof WrongPieceError) {
        source.wrong(piece);
        source.have.delete(piece);
        // The peer may have been dropped for another piece already: this one is to be asked for again all the same.
        this.#queue = undefined;
        this.#drop(source.peer, `${nameOf(mesh, source.peer)} sent wrong bytes for piece ${piece}.`);
      } else {
        this.#wanted.fail(error);
      }
    }
    this.#unwrittenBytes -= bytes;
    this.#pauseIfFull();
    this.#fill();
  }

  #arrived(piece: number, bytes: number): void {
    const rates = [...this.#sources.values()].map((source) => source.bytesPerSecond);
    this.#wanted.arrived(
      piece,
      bytes,
      rates.reduce((sum, rate) => sum + rate, 0),
    );
  }

  /** Peers wait while the disk is behind. */
  #pauseIfFull(): void {
    const isFull = this.#unwrittenBytes >= MAX_UNWRITTEN_BYTES;
    if (isFull === this.#arePaused) return;
    this.#arePaused = isFull;
    for (const source of this.#sources.values()) {
      if (isFull) source.pause();
      else source.resume();
    }
  }

  /** Gives every peer as much to do as it has room for, the nearest and fastest first. */
  #fill(): void {
    if (this.#wanted.isEmpty || this.#sources.size === 0) return;
    const { mesh, clock } = this.#options;
    const queue = (this.#queue ??= this.#makeQueue());
    const sources = [...this.#sources.values()].toSorted((a, b) => {
      const near = (source: PieceSource): number => mesh.peer(source.peer)?.link.tier ?? 3;
      return near(a) - near(b) || b.bytesPerSecond - a.bytesPerSecond;
    });
    const totalRate = sources.reduce((sum, source) => sum + source.bytesPerSecond, 0);
    const isMuch = queue.length * this.#options.file.map.pieceBytes >= DIRECT_FROM_BYTES;
    for (const source of sources) {
      if (isMuch && this.#options.isDirect) source.goDirect(mesh.self, receiveTarget(this.#options.file));
      // Towards the end nobody takes more than it brings in the time that the others need for theirs.
      const share = totalRate === 0 ? 1 / sources.length : source.bytesPerSecond / totalRate;
      const fair = Math.max(source.asked.size === 0 ? 1 : 0, Math.ceil(queue.length * share));
      const pieces = takeOwned(queue, source, Math.min(source.room, fair, this.#allowance.pieces()));
      this.#allowance.spend(pieces.length * this.#options.file.map.pieceBytes);
      if (pieces.length === 0 && source.asked.size === 0) {
        const slow = slowPiece(piecesUnderWay(this.#sources.values()), source, clock.nowMs());
        if (slow !== undefined) pieces.push(slow);
      }
      source.want(pieces);
    }
  }

  #makeQueue(): number[] {
    const asked = new Set([...this.#writing, ...(this.#origin?.asked ?? [])]);
    for (const source of this.#sources.values())
      for (const [piece, transfer] of source.asked) if (!transfer.cancelled) asked.add(piece);
    const missing = [...this.#wanted.pieces()].filter((piece) => !asked.has(piece));
    const { count } = this.#options.file.map;
    return orderPieces(missing, [...this.#sources.values()], { urgent: this.#urgent, start: this.#start, count });
  }
}

function receiveTarget({ map, paths, table }: PieceFile): Parameters<PieceSource['goDirect']>[1] {
  return { pieceBytes: map.pieceBytes, fileBytes: map.fileBytes, paths, hashes: table.hashes };
}
