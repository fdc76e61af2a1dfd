import { errorMessage, StoppedError, type PippaError, type Clock, type Logger, type Mesh, type PeerId } from '@pippa/core';
import { PIECES_PROTOCOL, ProtocolError } from '@pippa/protocol';
import { ModelNotHereError, OtherCopyError, WrongPieceError } from '../errors.ts';
import { BufferPool } from '../pieces/buffer-pool.ts';
import type { PieceFile } from '../pieces/piece-file.ts';
import { headerPieces } from '../pieces/piece-table.ts';
import { orderPieces, slowPiece, type PieceUnderWay } from './choose-pieces.ts';
import { askHave, holdersOf, nameOf } from './fetch-table.ts';
import { PieceSource } from './piece-source.ts';
import type { SwarmTraffic } from './swarm-traffic.ts';

/** Peers are looked for, and those with a part asked what they have got meanwhile, this often. */
const LOOK_MS = 1000;
/** A peer that owes pieces and sends nothing for so long is left for a while. */
const STALL_MS = 5000;
const RETRY_PEER_MS = 10_000;
/** A peer that sent wrong bytes is not asked again for so long. */
const DROP_MS = 300_000;
/** Without any peer for so long the download is given up; what came stays. */
const GIVE_UP_MS = 15_000;
/** Bytes that came and are not checked and written yet: beyond it peers are made to wait. */
const MAX_UNWRITTEN_BYTES = 64 * 1024 * 1024;
/** From so much on a direct connection is worth its round trips. */
const DIRECT_FROM_BYTES = 16 * 1024 * 1024;

export interface SwarmProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** All peers together, at present. */
  readonly bytesPerSecond: number;
}

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
  /** Counts what comes. */
  readonly traffic?: SwarmTraffic;
}

export interface WantOptions {
  readonly onProgress?: (progress: SwarmProgress) => void;
  readonly signal?: AbortSignal;
}

/** A peer that did what no honest one does. */
export interface DroppedPeer {
  readonly peer: PeerId;
  /** Monotonic; then it is asked again: its copy may have been mended. */
  readonly untilMs: number;
  readonly name: string;
  readonly reason: string;
}

interface Want {
  readonly remaining: Set<number>;
  readonly totalBytes: number;
  remainingBytes: number;
  readonly options: WantOptions;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  readonly stopListening: () => void;
}

/**
 * Gets pieces of one model from all peers that have some, into its `PieceFile`. Works as long as somebody wants something. Peers that
 * send wrong bytes are left alone for minutes; slow and silent ones are asked again soon.
 */
export class SwarmDownload {
  readonly #options: SwarmDownloadOptions;
  readonly #wants = new Set<Want>();
  readonly #sources = new Map<PeerId, PieceSource>();
  /** Shared by the downloads of a model, so that what one found out the next one need not. */
  readonly #dropped: Map<PeerId, DroppedPeer>;
  readonly #otherCopies = new Set<PeerId>();
  readonly #notBeforeMs = new Map<PeerId, number>();
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
  #lastSourceMs = 0;
  #mayAskAtMs = 0;
  #cancelAsk: (() => void) | undefined;
  #lastFailure = '';

  constructor(options: SwarmDownloadOptions) {
    this.#options = options;
    this.#dropped = options.dropped ?? new Map();
    this.#buffers = new BufferPool(options.file.map.pieceBytes);
    this.#urgent = new Set(headerPieces(options.file.table, options.file.map));
    this.#start = Math.floor(options.random() * options.file.map.count);
  }

  get dropped(): readonly DroppedPeer[] {
    return [...this.#dropped.values()];
  }

  /** Settles when all these pieces are here and on disk. Throws `ModelNotHereError`, what writing throws, or the signal's reason. */
  async want(pieces: Iterable<number>, options: WantOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const { file } = this.#options;
    const remaining = new Set([...pieces].filter((piece) => !file.present.has(piece)));
    const remainingBytes = file.map.bytesOf(remaining);
    if (remaining.size > 0) {
      await new Promise<void>((resolve, reject) => {
        const { signal } = options;
        const abort = (): void => this.#settle(want, () => reject(signal?.reason));
        const stopListening = (): void => signal?.removeEventListener('abort', abort);
        const want: Want = { remaining, remainingBytes, totalBytes: remainingBytes, options, resolve, reject, stopListening };
        signal?.addEventListener('abort', abort, { once: true });
        this.#add(want);
      });
    }
    await file.flush();
  }

  /** Gives up all that is wanted; what came stays. */
  stop(reason: PippaError = new StoppedError('The download was stopped.')): void {
    this.#fail(reason);
  }

  #add(want: Want): void {
    this.#wants.add(want);
    this.#queue = undefined;
    if (this.#wants.size === 1) this.#begin();
    else this.#fill();
  }

  #begin(): void {
    const { mesh, clock } = this.#options;
    this.#abort = new AbortController();
    this.#lastSourceMs = clock.nowMs();
    const stopListening = mesh.onPeersChanged(() => void this.#look());
    let cancel = (): void => {};
    const tick = (): void => {
      cancel = clock.schedule(LOOK_MS, () => {
        this.#checkSources();
        void this.#look();
        if (this.#wants.size > 0) tick();
      });
    };
    tick();
    this.#stopLooking = () => (stopListening(), cancel());
    void this.#look();
  }

  #settle(want: Want, how: () => void): void {
    if (!this.#wants.delete(want)) return;
    want.stopListening();
    how();
    if (this.#wants.size === 0) this.#end();
    else this.#queue = undefined;
  }

  #end(): void {
    this.#stopLooking?.();
    this.#stopLooking = undefined;
    this.#cancelAsk?.();
    this.#cancelAsk = undefined;
    this.#abort.abort(new StoppedError('The download has ended.'));
    for (const source of this.#sources.values()) source.end(undefined);
    this.#sources.clear();
    this.#queue = undefined;
  }

  #fail(error: unknown): void {
    for (const want of this.#wants) this.#settle(want, () => want.reject(error));
  }

  /** Finds peers and what they have. */
  async #look(): Promise<void> {
    if (this.#isLooking || this.#wants.size === 0) return;
    this.#isLooking = true;
    const { mesh, file, clock } = this.#options;
    try {
      const { signal } = this.#abort;
      await Promise.all(
        holdersOf(mesh, file.id)
          .filter(({ id }) => !this.#isDropped(id) && (this.#notBeforeMs.get(id) ?? 0) <= clock.nowMs())
          .map(({ id }) => this.#lookAt(id, signal)),
      );
      this.#checkCopies();
    } finally {
      this.#isLooking = false;
    }
  }

  /** Waiting brings nothing where everybody has another copy than the one that was begun. */
  #checkCopies(): void {
    const { mesh, file } = this.#options;
    if (this.#sources.size > 0 || this.#otherCopies.size === 0 || this.#wants.size === 0) return;
    const holders = holdersOf(mesh, file.id).filter((peer) => !this.#isDropped(peer.id));
    if (!holders.every((peer) => this.#otherCopies.has(peer.id))) return;
    const names = holders.map((peer) => nameOf(mesh, peer.id)).join(', ');
    this.#fail(new OtherCopyError(`The pieces of ${file.name} that are here are of another copy than ${names} has.`));
  }

  async #lookAt(peer: PeerId, signal: AbortSignal): Promise<void> {
    const { mesh, file, logger } = this.#options;
    const known = this.#sources.get(peer);
    if (known?.have.isFull === true) return;
    try {
      const have = await askHave(mesh, peer, file.id, { digest: file.digest, count: file.map.count, signal });
      if (have === 'hashing') return;
      if (have === 'other') {
        this.#otherCopies.add(peer);
        this.#lastFailure = `${nameOf(mesh, peer)} has another copy of the model.`;
        logger.warn({ peer, model: file.name }, 'a peer has another copy of the model: its pieces are not used');
        this.#notBeforeMs.set(peer, this.#options.clock.nowMs() + RETRY_PEER_MS);
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
      else this.#notBeforeMs.set(peer, this.#options.clock.nowMs() + LOOK_MS);
      logger.debug({ peer, error: errorMessage(error) }, 'a peer cannot be asked for pieces');
    }
  }

  #checkSources(): void {
    const { clock, mesh } = this.#options;
    const nowMs = clock.nowMs();
    if (this.#sources.size > 0) this.#lastSourceMs = nowMs;
    for (const source of this.#sources.values()) {
      if (source.asked.size === 0 || this.#arePaused || nowMs - source.lastByteMs < STALL_MS) continue;
      this.#notBeforeMs.set(source.peer, nowMs + RETRY_PEER_MS);
      source.end(new StoppedError(`${nameOf(mesh, source.peer)} has sent nothing for ${STALL_MS / 1000} s.`));
    }
    if (nowMs - this.#lastSourceMs >= GIVE_UP_MS) this.#fail(this.#nobodyError());
    else this.#fill();
  }

  #nobodyError(): ModelNotHereError {
    const dropped = this.dropped.map(({ name, reason }) => ` ${name} was dropped: ${reason}`).join('');
    const failure = dropped === '' && this.#lastFailure !== '' ? ` ${this.#lastFailure}` : dropped;
    return new ModelNotHereError(`No node that can be reached has the missing pieces of ${this.#options.file.name}.${failure}`, {
      hint: 'Start a node that has the model, or get it with pippa-agent pull.',
    });
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
      if (this.#wants.size === 0) return;
      if (breach) this.#drop(source.peer, errorMessage(reason));
      else if (reason !== undefined) this.#lastFailure = `${nameOf(this.#options.mesh, source.peer)}: ${reason.message}`;
      // Tried again with the next look, unless that was put off.
      if (!breach && !this.#notBeforeMs.has(source.peer)) this.#notBeforeMs.set(source.peer, this.#options.clock.nowMs() + LOOK_MS);
      this.#queue = undefined;
      this.#fill();
    },
  };

  #isDropped(peer: PeerId): boolean {
    const dropped = this.#dropped.get(peer);
    return dropped !== undefined && this.#options.clock.nowMs() < dropped.untilMs;
  }

  #drop(peer: PeerId, reason: string): void {
    const { mesh, logger, file } = this.#options;
    if (this.#isDropped(peer)) return;
    const name = nameOf(mesh, peer);
    this.#dropped.set(peer, { peer, name, reason, untilMs: this.#options.clock.nowMs() + DROP_MS });
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
        this.#fail(error);
      }
    }
    this.#unwrittenBytes -= bytes;
    this.#pauseIfFull();
    this.#fill();
  }

  #arrived(piece: number, bytes: number): void {
    const rates = [...this.#sources.values()].map((source) => source.bytesPerSecond);
    const bytesPerSecond = rates.reduce((sum, rate) => sum + rate, 0);
    for (const want of this.#wants) {
      if (!want.remaining.delete(piece)) continue;
      want.remainingBytes -= bytes;
      want.options.onProgress?.({ doneBytes: want.totalBytes - want.remainingBytes, totalBytes: want.totalBytes, bytesPerSecond });
      if (want.remaining.size === 0) this.#settle(want, want.resolve);
    }
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
    if (this.#wants.size === 0 || this.#sources.size === 0) return;
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
      const pieces = takeFrom(queue, source, Math.min(source.room, fair, this.#allowance()));
      this.#spend(pieces.length);
      if (pieces.length === 0 && source.asked.size === 0) {
        const slow = slowPiece(this.#underWay(), source, clock.nowMs());
        if (slow !== undefined) pieces.push(slow);
      }
      source.want(pieces);
    }
  }

  /** How many pieces the rate allows to be asked for now; 0 has this come again when there is one. */
  #allowance(): number {
    const rate = this.#options.bytesPerSecond?.() ?? Infinity;
    if (rate === Infinity) return Infinity;
    const { clock } = this.#options;
    const waitMs = this.#mayAskAtMs - clock.nowMs();
    if (waitMs <= 0) return 1;
    this.#cancelAsk ??= clock.schedule(waitMs, () => {
      this.#cancelAsk = undefined;
      this.#fill();
    });
    return 0;
  }

  #spend(pieces: number): void {
    const rate = this.#options.bytesPerSecond?.() ?? Infinity;
    if (rate === Infinity || pieces === 0) return;
    const { clock, file } = this.#options;
    const takesMs = ((pieces * file.map.pieceBytes) / Math.max(1, rate)) * 1000;
    this.#mayAskAtMs = Math.max(this.#mayAskAtMs, clock.nowMs()) + takesMs;
  }

  #makeQueue(): number[] {
    const asked = new Set(this.#writing);
    for (const source of this.#sources.values())
      for (const [piece, transfer] of source.asked) if (!transfer.cancelled) asked.add(piece);
    const missing = new Set<number>();
    for (const want of this.#wants) for (const piece of want.remaining) if (!asked.has(piece)) missing.add(piece);
    const { count } = this.#options.file.map;
    return orderPieces(missing, [...this.#sources.values()], { urgent: this.#urgent, start: this.#start, count });
  }

  *#underWay(): Generator<PieceUnderWay> {
    const seen = new Map<number, { startedMs: number; askedOf: number }>();
    for (const source of this.#sources.values()) {
      for (const [piece, { startedMs, cancelled }] of source.asked) {
        if (cancelled) continue;
        const item = seen.get(piece);
        if (item === undefined) seen.set(piece, { startedMs, askedOf: 1 });
        else item.askedOf += 1;
      }
    }
    for (const [piece, item] of seen) yield { piece, ...item };
  }
}

function receiveTarget({ map, paths, table }: PieceFile): Parameters<PieceSource['goDirect']>[1] {
  return { pieceBytes: map.pieceBytes, fileBytes: map.fileBytes, paths, hashes: table.hashes };
}

/** Takes the first pieces that the peer has out of the queue. */
function takeFrom(queue: number[], source: PieceSource, atMost: number): number[] {
  const taken: number[] = [];
  for (let index = 0; index < queue.length && taken.length < atMost;) {
    const piece = queue[index] as number;
    if (source.has(piece)) {
      taken.push(piece);
      queue.splice(index, 1);
    } else {
      index += 1;
    }
  }
  return taken;
}
