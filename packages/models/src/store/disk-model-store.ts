import { StoppedError, type CardModel, type ModelId, type ModelManifest } from '@pippa/core';
import { layerCount, modelFingerprint, readGgufModel, type GgufModel } from '@pippa/gguf';
import { DirectListener } from '../bulk/direct-listener.ts';
import { OtherCopyError, WrongModelError } from '../errors.ts';
import type { PieceFile } from '../pieces/piece-file.ts';
import { headerPieces } from '../pieces/piece-table.ts';
import { piecesForShard } from '../pieces/pieces-for-shard.ts';
import { ask, holdersOf } from '../swarm/fetch-table.ts';
import { Pacer } from '../swarm/pacer.ts';
import { servePieces } from '../swarm/serve-pieces.ts';
import { SwarmTraffic } from '../swarm/swarm-traffic.ts';
import { findModelId } from './find-model-id.ts';
import { LocalHoldings, partialHeader, readPartialModel } from './local-holdings.ts';
import type { ModelStore, ModelStoreOptions, ObtainOptions, ShardArrival, ShardRequest } from './model-store.ts';
import { notHere } from './not-here.ts';
import { PartialModels } from './partial-models.ts';
import { PieceDownloads } from './piece-downloads.ts';
import { PiecesArrival } from './shard-arrival.ts';
import { TableKeeper } from './table-keeper.ts';

export function createModelStore(options: ModelStoreOptions): ModelStore {
  return new DiskModelStore(options);
}

/** What a shard takes; without a file all of it is here. */
interface PlannedShard {
  readonly model: GgufModel;
  readonly file?: PieceFile;
  readonly pieces?: readonly number[];
}

class DiskModelStore implements ModelStore {
  readonly traffic = new SwarmTraffic();
  readonly #options: ModelStoreOptions;
  readonly #partial: PartialModels;
  readonly #tables: TableKeeper;
  readonly #holdings: LocalHoldings;
  readonly #downloads: PieceDownloads;
  readonly #listeners = new Set<() => void>();
  /** Of models of which the header is here. */
  readonly #layerCounts = new Map<ModelId, number>();
  #stops: (() => void)[] = [];
  #abort = new AbortController();
  #isStarted = false;

  constructor(options: ModelStoreOptions) {
    this.#options = options;
    const { library, piecesDirectory, tablesDirectory, clock, logger } = options;
    this.#partial = new PartialModels({ directory: piecesDirectory, clock, logger, unsyncedBytes: options.unsyncedBytes });
    this.#tables = new TableKeeper(tablesDirectory, logger, () => this.#changed());
    this.#holdings = new LocalHoldings(library, this.#partial, this.#tables);
    this.#downloads = new PieceDownloads(options, this.#partial, this.traffic);
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
    this.#downloads.stop();
    this.#tables.stop();
    await this.#partial.close();
  }

  list(): readonly CardModel[] {
    const sound = this.#options.library.models().filter(({ id }) => !this.#tables.isDamaged(id));
    const whole = sound.map(({ id, name, manifest }): CardModel => ({
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
    const id = await findModelId(idOrName, { library, cards: () => this.#knownModels(), signal: options.signal });
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
      if (!(error instanceof OtherCopyError) || isNeeded || this.#downloads.isBusy(id)) throw error;
      this.#options.logger.warn({ model: id, error: error.message }, 'pieces of a copy that nobody else has are given up');
      await this.#partial.discard(id);
      return work();
    }
  }

  async #header(id: ModelId, options: ObtainOptions): Promise<GgufModel> {
    const whole = this.#options.library.byId(id);
    if (whole !== undefined)
      return readGgufModel(whole.paths[0] ?? '', options.signal === undefined ? {} : { signal: options.signal });
    const file = this.#partial.get(id) ?? (await this.#downloads.begin(id, { ...options, signal: this.#signal(options.signal) }));
    const model = (await partialHeader(file)) ?? (await this.#obtainHeader(file, options));
    this.#layerCounts.set(id, layerCount(model));
    return model;
  }

  async ensureShard(shard: ShardRequest, options: ObtainOptions = {}): Promise<{ readonly model: GgufModel }> {
    return this.#withLivingCopy(shard.id, async () => {
      const planned = await this.#plan(shard, options);
      await this.#complete(planned, options);
      return { model: planned.model };
    });
  }

  async beginShard(
    shard: ShardRequest,
    options: ObtainOptions = {},
  ): Promise<{ readonly model: GgufModel; readonly arrival?: ShardArrival }> {
    const planned = await this.#withLivingCopy(shard.id, () => this.#plan(shard, options));
    const { model, file } = planned;
    if (file === undefined) return { model };
    const headers = new Set(headerPieces(file.table, file.map));
    const isNew = [...file.present].every((piece) => headers.has(piece));
    // What an earlier run left may be of a copy that nobody has any more: whether it is shows with the first pieces that come.
    if (!isNew) await this.ensureShard(shard, options);
    return { model, arrival: new PiecesArrival(file, isNew ? this.#complete(planned, options) : Promise.resolve()) };
  }

  async #plan({ id, from, to }: ShardRequest, options: ObtainOptions): Promise<PlannedShard> {
    const model = await this.#header(id, options);
    const file = this.#partial.get(id);
    if (this.#options.library.byId(id) !== undefined || file === undefined) return { model };
    await file.touch();
    return { model, file, pieces: piecesForShard(model, file.table, file.map, from, to) };
  }

  async #complete({ file, pieces }: PlannedShard, options: ObtainOptions): Promise<void> {
    if (file === undefined || pieces === undefined) return;
    if (pieces.some((piece) => !file.present.has(piece))) await this.#obtain(file, pieces, options);
    if (file.present.isFull) await this.#publish(file);
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

  /** Parts here, and what peers have. */
  #knownModels(): readonly CardModel[] {
    return [
      ...this.#partial.list().map((file) => this.#cardOf(file)),
      ...(this.#options.mesh?.peers() ?? []).flatMap((peer) => peer.card?.models ?? []),
    ];
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

  async #obtainHeader(file: PieceFile, options: ObtainOptions): Promise<GgufModel> {
    await this.#obtain(file, headerPieces(file.table, file.map), options);
    const model = await partialHeader(file);
    if (model === undefined) throw notHere(file.name, this.#options.library);
    return model;
  }

  async #obtain(file: PieceFile, pieces: readonly number[], options: ObtainOptions): Promise<void> {
    try {
      await this.#downloads.get(file, pieces, { ...options, signal: this.#signal(options.signal) });
    } finally {
      this.#changed();
    }
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
