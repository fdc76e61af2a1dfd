import {
  modelId,
  StoppedError,
  type CardModel,
  type Clock,
  type Logger,
  type Mesh,
  type ModelId,
  type ModelManifest,
  type PeerId,
  type Startable,
} from '@pippa/core';
import { layerCount, modelFingerprint, readGgufModel, type GgufModel } from '@pippa/gguf';
import { ModelNotHereError, NoSuchModelError, OtherCopyError, WrongModelError } from '../errors.ts';
import { DirectListener } from '../bulk/direct-listener.ts';
import type { Library } from '../library/library.ts';
import type { PieceFile } from '../pieces/piece-file.ts';
import { headerPieces } from '../pieces/piece-table.ts';
import { piecesForShard } from '../pieces/pieces-for-shard.ts';
import { ask, fetchTable, holdersOf } from '../swarm/fetch-table.ts';
import { Pacer } from '../swarm/pacer.ts';
import { servePieces } from '../swarm/serve-pieces.ts';
import { SwarmTraffic } from '../swarm/swarm-traffic.ts';
import { SwarmDownload, type DroppedPeer, type SwarmProgress } from '../swarm/swarm-download.ts';
import { DiskRoom } from './disk-room.ts';
import { LocalHoldings, partialHeader, readPartialModel } from './local-holdings.ts';
import { PartialModels } from './partial-models.ts';
import { TableKeeper } from './table-keeper.ts';

export interface ModelStoreOptions {
  readonly library: Library;
  /** Left out: a node by itself, which has what is on its disk. */
  readonly mesh?: Mesh;
  /** Pieces of models, a folder each. Only this store writes there. */
  readonly piecesDirectory: string;
  /** Tables of whole models; may be deleted at any time. */
  readonly tablesDirectory: string;
  /** Where a model goes once all of its pieces are here. */
  readonly ownDirectory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0 .. 1 */
  readonly random: () => number;
  /** What uploads to other nodes may take of the link, asked before each chunk; without limit when left out. */
  readonly uploadBytesPerSecond?: () => number;
  /** The same of downloads, asked before each question. */
  readonly downloadBytesPerSecond?: () => number;
  /**
   * Direct encrypted connections beside the mesh's streams for much data: the address to listen on (`::` when left out) and addresses that
   * peers may reach it under (those of the interfaces). False: none are made or taken.
   */
  readonly direct?: { readonly host: string; readonly addresses?: () => readonly string[] } | false;
  /** Most bytes that pieces of models may take on the disk; what is free decides when left out. */
  readonly quotaBytes?: number | undefined;
  /** Bytes that are free on the disk of a folder; the file system's answer when left out. */
  readonly freeBytes?: (directory: string) => Promise<number>;
  /** Bytes of a download that a crash may cost; 64 MiB when left out. */
  readonly unsyncedBytes?: number;
}

/** Layers `[from, to)` of a model. */
export interface ShardRequest {
  readonly id: ModelId;
  readonly from: number;
  readonly to: number;
}

export interface ObtainProgress extends SwarmProgress {
  /** `hashing`: a peer that has the model makes its table, which it does once; the bytes are its. */
  readonly phase: 'hashing' | 'fetching';
}

export interface ObtainOptions {
  readonly onProgress?: (progress: ObtainProgress) => void;
  readonly signal?: AbortSignal;
}

/** The models that this node has or can get, in whole and in part. */
export interface ModelStore extends Startable {
  /** Bytes of pieces exchanged with peers since the store was made. */
  readonly traffic: { readonly receivedBytes: number; readonly sentBytes: number };
  /** What the node card says: whole models, and those of which pieces are here. */
  list(): readonly CardModel[];
  /** Calls back after `list` has changed. Returns how to stop that. */
  onChanged(listener: () => void): () => void;
  /** What planning needs to know, from disk or from a peer that has the model. Throws `NoSuchModelError`, `ModelNotHereError`. */
  manifest(idOrName: string, options?: { readonly signal?: AbortSignal }): Promise<ModelManifest>;
  /**
   * The header, from disk or from peers: vocabulary, template, tensors. The files it names are there with at least the header's bytes, so
   * that a tokenizer can be opened on them. Throws `ModelNotHereError` or the signal's reason.
   */
  header(id: ModelId, options?: ObtainOptions): Promise<GgufModel>;
  /**
   * A model whose bytes for these layers are on this disk, got from peers where they were not: the whole model's files, or sparse files
   * of the same layout. Throws `ModelNotHereError`, what planning the shard throws, or the signal's reason; what came stays.
   */
  ensureShard(shard: ShardRequest, options?: ObtainOptions): Promise<{ readonly model: GgufModel }>;
  /** Hashes a whole model so that peers need not wait for it when they ask; nothing to do for one that was hashed before. */
  prepare(id: ModelId): Promise<void>;
  /** Bytes of these layers that are not on this disk; undefined while not even the header is. */
  missingBytes(shard: ShardRequest): Promise<number | undefined>;
}

export function createModelStore(options: ModelStoreOptions): ModelStore {
  return new DiskModelStore(options);
}

class DiskModelStore implements ModelStore {
  readonly traffic = new SwarmTraffic();
  readonly #options: ModelStoreOptions;
  readonly #partial: PartialModels;
  readonly #tables: TableKeeper;
  readonly #holdings: LocalHoldings;
  readonly #downloads = new Map<ModelId, SwarmDownload>();
  readonly #beginning = new Map<ModelId, Promise<PieceFile>>();
  /** Peers that sent wrong bytes of a model. */
  readonly #dropped = new Map<ModelId, Map<PeerId, DroppedPeer>>();
  /** Downloads under way of each model. */
  readonly #busy = new Map<ModelId, number>();
  readonly #listeners = new Set<() => void>();
  #room: Promise<void> = Promise.resolve();
  /** Of models of which the header is here. */
  readonly #layerCounts = new Map<ModelId, number>();
  #stops: (() => void)[] = [];
  #abort = new AbortController();
  #isStarted = false;

  constructor(options: ModelStoreOptions) {
    this.#options = options;
    const { library, piecesDirectory, tablesDirectory, clock, logger } = options;
    this.#partial = new PartialModels({ directory: piecesDirectory, clock, logger, unsyncedBytes: options.unsyncedBytes });
    this.#tables = new TableKeeper(tablesDirectory, logger);
    this.#holdings = new LocalHoldings(library, this.#partial, this.#tables);
  }

  async start(): Promise<void> {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#abort = new AbortController();
    const { library, mesh, clock, logger } = this.#options;
    await library.refresh();
    await this.#partial.load();
    await this.#discardPublished();
    for (const file of this.#partial.list()) {
      const model = await partialHeader(file);
      if (model !== undefined) this.#layerCounts.set(file.id, layerCount(model));
    }
    this.#stops = [library.onChanged(() => this.#changed())];
    if (mesh === undefined) return;
    const pacer = new Pacer(clock, this.#options.uploadBytesPerSecond ?? (() => Infinity));
    const { direct = { host: '::' } } = this.#options;
    const listener = direct === false ? undefined : new DirectListener(direct);
    const { traffic } = this;
    this.#stops.push(servePieces({ mesh, holdings: this.#holdings, pacer, direct: listener, logger, traffic }), () =>
      listener?.stop(),
    );
    this.#changed();
  }

  async stop(): Promise<void> {
    if (!this.#isStarted) return;
    this.#isStarted = false;
    this.#abort.abort(new StoppedError('The store of models has stopped.'));
    for (const stop of this.#stops.splice(0)) stop();
    for (const download of this.#downloads.values()) download.stop();
    this.#downloads.clear();
    this.#tables.stop();
    await this.#partial.close();
  }

  list(): readonly CardModel[] {
    const whole = this.#options.library.models().map(({ id, name, manifest }): CardModel => ({
      id,
      name: name.slice(0, 256),
      fileBytes: manifest.fileBytes,
      layerCount: manifest.layers.length,
      presentBytes: manifest.fileBytes,
    }));
    const parts = this.#partial.list().filter(({ id }) => !whole.some((model) => model.id === id));
    return [...whole, ...parts.map((file) => this.#cardOf(file))];
  }

  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async manifest(idOrName: string, options: { readonly signal?: AbortSignal } = {}): Promise<ModelManifest> {
    const { mesh, library } = this.#options;
    const id = await this.#idOf(idOrName, options.signal);
    const here = await this.#holdings.manifest(id);
    if (here !== undefined) return here;
    const signal = this.#signal(options.signal);
    if (mesh === undefined) throw notHere(idOrName, library);
    for (const peer of holdersOf(mesh, id)) {
      try {
        const answer = await ask(mesh, peer.id, { kind: 'manifest', model: id }, signal);
        if (answer.kind === 'manifest' && answer.manifest.id === id) return answer.manifest;
      } catch {
        signal.throwIfAborted();
      }
    }
    throw notHere(idOrName, library);
  }

  async header(id: ModelId, options: ObtainOptions = {}): Promise<GgufModel> {
    return this.#withLivingCopy(id, () => this.#header(id, options));
  }

  /** Pieces of a copy that nobody has any more are worth nothing: once, they make way for those that the others have. */
  async #withLivingCopy<Result>(id: ModelId, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      const isNeeded = this.#options.mesh?.card.stages.some((stage) => stage.model === id) ?? false;
      if (!(error instanceof OtherCopyError) || isNeeded || this.#busy.has(id)) throw error;
      this.#options.logger.warn({ model: id, error: error.message }, 'pieces of a copy that nobody else has are given up');
      await this.#partial.discard(id);
      return work();
    }
  }

  async #header(id: ModelId, options: ObtainOptions): Promise<GgufModel> {
    const whole = this.#options.library.byId(id);
    if (whole !== undefined) return readGgufModel(whole.paths[0] ?? '');
    const file = await this.#file(id, options);
    const model = (await partialHeader(file)) ?? (await this.#obtainHeader(file, options));
    this.#layerCounts.set(id, layerCount(model));
    return model;
  }

  async ensureShard(shard: ShardRequest, options: ObtainOptions = {}): Promise<{ readonly model: GgufModel }> {
    return this.#withLivingCopy(shard.id, () => this.#ensureShard(shard, options));
  }

  async #ensureShard({ id, from, to }: ShardRequest, options: ObtainOptions): Promise<{ readonly model: GgufModel }> {
    const model = await this.#header(id, options);
    const file = this.#partial.get(id);
    if (this.#options.library.byId(id) !== undefined || file === undefined) return { model };
    const pieces = piecesForShard(model, file.table, file.map, from, to);
    await file.touch();
    if (pieces.some((piece) => !file.present.has(piece))) await this.#obtain(file, pieces, options);
    if (file.present.isFull) await this.#publish(file);
    return { model };
  }

  async prepare(id: ModelId): Promise<void> {
    const whole = this.#options.library.byId(id);
    if (whole !== undefined) await this.#tables.table(whole);
  }

  async missingBytes({ id, from, to }: ShardRequest): Promise<number | undefined> {
    if (this.#options.library.byId(id) !== undefined) return 0;
    const file = this.#partial.get(id);
    const model = file === undefined ? undefined : await partialHeader(file);
    if (file === undefined || model === undefined) return undefined;
    const pieces = piecesForShard(model, file.table, file.map, from, to);
    return file.map.bytesOf(pieces.filter((piece) => !file.present.has(piece)));
  }

  #cardOf(file: PieceFile): CardModel {
    return {
      id: file.id,
      name: file.name.slice(0, 256),
      fileBytes: file.map.totalBytes,
      layerCount: this.#layerCounts.get(file.id) ?? 0,
      presentBytes: file.presentBytes,
    };
  }

  /** Ids as they are; names of this disk, else of the cards of peers. */
  async #idOf(idOrName: string, signal: AbortSignal | undefined): Promise<ModelId> {
    if (/^[0-9a-f]{64}$/.test(idOrName)) return modelId(idOrName);
    const { library, mesh } = this.#options;
    try {
      const entry = await library.resolve(idOrName, signal === undefined ? {} : { signal });
      if (entry.kind === 'model') return entry.id;
      throw new NoSuchModelError(`${entry.name} cannot be used: ${entry.error}`);
    } catch (error) {
      const wanted = idOrName.toLowerCase();
      const cards = [
        ...this.#partial.list().map((file) => this.#cardOf(file)),
        ...(mesh?.peers() ?? []).flatMap((peer) => peer.card?.models ?? []),
      ];
      const named = cards.find((model) => model.name.toLowerCase() === wanted);
      if (named !== undefined) return named.id;
      throw error;
    }
  }

  /** The model's file of pieces, with a table from peers where it is new here. */
  async #file(id: ModelId, options: ObtainOptions): Promise<PieceFile> {
    const known = this.#partial.get(id);
    if (known !== undefined) return known;
    const { mesh, clock, logger } = this.#options;
    if (mesh === undefined) throw notHere(id, this.#options.library);
    const running = this.#beginning.get(id);
    if (running !== undefined) return untilAborted(running, options.signal);
    const begin = async (): Promise<PieceFile> => {
      // Others may wait for it too: one caller's abort is not theirs.
      const { signal } = this.#abort;
      const cards = holdersOf(mesh, id).flatMap((peer) => peer.card?.models ?? []);
      const card = cards.find((model) => model.id === id);
      const totalBytes = card?.fileBytes ?? 0;
      const onHashing = (fraction: number): void =>
        options.onProgress?.({ phase: 'hashing', doneBytes: Math.floor(fraction * totalBytes), totalBytes, bytesPerSecond: 0 });
      const table = await fetchTable(id, { mesh, clock, logger, signal, onHashing });
      return this.#partial.open(id, card?.name ?? id.slice(0, 12), table);
    };
    const beginning = begin().finally(() => this.#beginning.delete(id));
    this.#beginning.set(id, beginning);
    return untilAborted(beginning, options.signal);
  }

  async #obtainHeader(file: PieceFile, options: ObtainOptions): Promise<GgufModel> {
    await this.#obtain(file, headerPieces(file.table, file.map), options);
    const model = await partialHeader(file);
    if (model === undefined) throw notHere(file.name, this.#options.library);
    return model;
  }

  async #obtain(file: PieceFile, pieces: readonly number[], options: ObtainOptions): Promise<void> {
    const { mesh, clock, logger, random } = this.#options;
    if (mesh === undefined) throw notHere(file.name, this.#options.library);
    const signal = this.#signal(options.signal);
    await this.#makeRoom(mesh, file, pieces, signal);
    let download = this.#downloads.get(file.id);
    if (download === undefined) {
      const dropped = this.#dropped.get(file.id) ?? new Map<PeerId, DroppedPeer>();
      this.#dropped.set(file.id, dropped);
      download = new SwarmDownload({
        dropped,
        mesh,
        file,
        clock,
        logger,
        random,
        isDirect: this.#options.direct !== false,
        traffic: this.traffic,
        bytesPerSecond: this.#options.downloadBytesPerSecond,
      });
      this.#downloads.set(file.id, download);
    }
    const { onProgress } = options;
    this.#busy.set(file.id, (this.#busy.get(file.id) ?? 0) + 1);
    try {
      await download.want(pieces, {
        signal,
        ...(onProgress === undefined ? {} : { onProgress: (progress) => onProgress({ phase: 'fetching', ...progress }) }),
      });
    } finally {
      const others = (this.#busy.get(file.id) ?? 1) - 1;
      if (others > 0) {
        this.#busy.set(file.id, others);
      } else {
        // The next one begins with the file as it is then.
        this.#busy.delete(file.id);
        this.#downloads.delete(file.id);
      }
      this.#changed();
    }
  }

  /** One after the other: two must not count on the same room. */
  #makeRoom(mesh: Mesh, file: PieceFile, pieces: readonly number[], signal: AbortSignal): Promise<void> {
    const { piecesDirectory, quotaBytes, freeBytes, logger } = this.#options;
    const room = new DiskRoom({
      directory: piecesDirectory,
      partial: this.#partial,
      mesh,
      quotaBytes,
      isBusy: (id) => id === file.id || this.#busy.has(id),
      isPublished: (id) => this.#options.library.byId(id) !== undefined,
      logger,
      ...(freeBytes === undefined ? {} : { freeBytes }),
    });
    const needed = file.map.bytesOf(pieces.filter((piece) => !file.present.has(piece)));
    this.#room = this.#room.catch(() => {}).then(() => room.make(file.name, needed, signal));
    return this.#room;
  }

  /** A complete model becomes one of the agent's own. Its pieces stay until the next start: stages may have their files open. */
  async #publish(file: PieceFile): Promise<void> {
    const { library, ownDirectory, logger } = this.#options;
    if (library.byId(file.id) !== undefined) return;
    await file.flush();
    const id = await modelFingerprint(await readPartialModel(file));
    if (id !== file.id) {
      const { name } = file;
      await this.#partial.discard(file.id);
      throw new WrongModelError(`The pieces of ${name} make another model than the one that was asked for.`, {
        hint: 'A node that gave them has a damaged copy, or lies about it. The log says who gave the table of pieces.',
      });
    }
    await file.publish(ownDirectory);
    await library.refresh();
    logger.info({ model: file.name }, 'a model is complete');
  }

  async #discardPublished(): Promise<void> {
    for (const file of this.#partial.list()) {
      if (this.#options.library.byId(file.id) !== undefined) await this.#partial.discard(file.id);
    }
  }

  #signal(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#abort.signal : AbortSignal.any([signal, this.#abort.signal]);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function notHere(name: string, library: Library): ModelNotHereError {
  const names = library.models().map((model) => model.name);
  return new ModelNotHereError(`Neither this node nor one that can be reached has the model ${name}.`, {
    hint: `Models here: ${names.length === 0 ? 'none' : names.join(', ')}. Start a node that has it, or get it with pippa-agent pull.`,
  });
}

/** Settles like the promise, or rejects with the signal's reason before. */
async function untilAborted<Result>(promise: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return promise;
  signal.throwIfAborted();
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
