import { untilSettledOrAborted, type Mesh, type ModelId, type PeerId } from '@pippa/core';
import type { PieceFile } from '../pieces/piece-file.ts';
import { HubPieces } from '../pull/hub-pieces.ts';
import { fetchOrigin } from '../swarm/fetch-origin.ts';
import { fetchTable, holdersOf } from '../swarm/fetch-table.ts';
import type { DroppedPeer } from '../swarm/peer-book.ts';
import { SwarmDownload } from '../swarm/swarm-download.ts';
import type { SwarmTraffic } from '../swarm/swarm-traffic.ts';
import { DiskRoom } from './disk-room.ts';
import type { ModelStoreOptions, ObtainOptions } from './model-store.ts';
import { notHere } from './not-here.ts';
import type { PartialModels } from './partial-models.ts';

type BoundedOptions = ObtainOptions & { readonly signal: AbortSignal };

/** Gets pieces of models: one download a model, however many wait for it, and room for what comes. */
export class PieceDownloads {
  readonly #options: ModelStoreOptions;
  readonly #partial: PartialModels;
  readonly #traffic: SwarmTraffic;
  readonly #downloads = new Map<ModelId, SwarmDownload>();
  readonly #beginning = new Map<ModelId, Promise<PieceFile>>();
  /** Peers that sent wrong bytes of a model. */
  readonly #dropped = new Map<ModelId, Map<PeerId, DroppedPeer>>();
  /** Downloads under way of each model. */
  readonly #busy = new Map<ModelId, number>();
  #room: Promise<void> = Promise.resolve();
  #abort = new AbortController();

  constructor(options: ModelStoreOptions, partial: PartialModels, traffic: SwarmTraffic) {
    this.#options = options;
    this.#partial = partial;
    this.#traffic = traffic;
  }

  isBusy(id: ModelId): boolean {
    return this.#busy.has(id);
  }

  stop(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
    for (const download of this.#downloads.values()) download.stop();
    this.#downloads.clear();
  }

  /** A file of pieces for a model that is new here, with a table from peers. Throws `ModelNotHereError` or the signal's reason. */
  async begin(id: ModelId, options: BoundedOptions): Promise<PieceFile> {
    const { mesh, library } = this.#options;
    if (mesh === undefined) throw notHere(id, library);
    let beginning = this.#beginning.get(id);
    if (beginning === undefined) {
      beginning = this.#begin(id, mesh, options).finally(() => this.#beginning.delete(id));
      this.#beginning.set(id, beginning);
    }
    return untilSettledOrAborted(beginning, options.signal);
  }

  async #begin(id: ModelId, mesh: Mesh, { onProgress }: ObtainOptions): Promise<PieceFile> {
    const { clock, logger } = this.#options;
    // Others may wait for it too: one caller's abort is not theirs.
    const { signal } = this.#abort;
    const cards = holdersOf(mesh, id).flatMap((peer) => peer.card?.models ?? []);
    const card = cards.find((model) => model.id === id);
    const totalBytes = card?.fileBytes ?? 0;
    const onHashing = (fraction: number): void =>
      onProgress?.({ phase: 'hashing', doneBytes: Math.floor(fraction * totalBytes), totalBytes, bytesPerSecond: 0 });
    const table = await fetchTable(id, { mesh, clock, logger, signal, onHashing });
    const origin = await fetchOrigin(mesh, id, signal);
    const name = card?.name ?? id.slice(0, 12);
    return this.#partial.open(id, { name, table, ...(origin === undefined ? {} : { origin }) });
  }

  /** Settles when the pieces are here and on disk. Throws what making room and downloading throw, or the signal's reason. */
  async get(file: PieceFile, pieces: readonly number[], { onProgress, signal }: BoundedOptions): Promise<void> {
    const { mesh, library } = this.#options;
    if (mesh === undefined) throw notHere(file.name, library);
    await this.#makeRoom(mesh, file, pieces, signal);
    const download = this.#downloads.get(file.id) ?? this.#start(mesh, file);
    this.#downloads.set(file.id, download);
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
    }
  }

  #start(mesh: Mesh, file: PieceFile): SwarmDownload {
    const { clock, logger, random, origins, direct, downloadBytesPerSecond } = this.#options;
    const dropped = this.#dropped.get(file.id) ?? new Map<PeerId, DroppedPeer>();
    this.#dropped.set(file.id, dropped);
    const origin =
      origins === undefined || file.origin === undefined
        ? undefined
        : new HubPieces({ file, reference: file.origin, ...origins, clock, logger });
    return new SwarmDownload({
      dropped,
      mesh,
      file,
      clock,
      logger,
      random,
      isDirect: direct !== false,
      traffic: this.#traffic,
      bytesPerSecond: downloadBytesPerSecond,
      ...(origin === undefined ? {} : { origin }),
    });
  }

  /** One after the other: two must not count on the same room. */
  #makeRoom(mesh: Mesh, file: PieceFile, pieces: readonly number[], signal: AbortSignal): Promise<void> {
    const { piecesDirectory, quotaBytes, freeBytes, logger, library } = this.#options;
    const room = new DiskRoom({
      directory: piecesDirectory,
      partial: this.#partial,
      mesh,
      quotaBytes,
      isBusy: (id) => id === file.id || this.#busy.has(id),
      isPublished: (id) => library.byId(id) !== undefined,
      logger,
      ...(freeBytes === undefined ? {} : { freeBytes }),
    });
    const needed = file.map.bytesOf(pieces.filter((piece) => !file.present.has(piece)));
    this.#room = this.#room.catch(() => {}).then(() => room.make(file.name, needed, signal));
    return this.#room;
  }
}
