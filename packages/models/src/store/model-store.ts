import type { CardModel, Clock, Logger, Mesh, ModelId, ModelManifest, Startable } from '@pippa/core';
import type { GgufModel } from '@pippa/gguf';
import type { Library } from '../library/library.ts';
import type { SwarmProgress } from '../swarm/wanted-pieces.ts';

/** How the hub and Ollama's registry are spoken to. */
export interface OriginOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

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
  /** Pieces that no node has are got from where the model is from: the hub, or Ollama's registry. Left out: never. */
  readonly origins?: OriginOptions;
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

/** Bytes of layers that come to this disk. */
export interface ShardArrival {
  /** What tells the model's bytes apart from others of the same header. */
  readonly identity: string;
  /** Settles when these bytes of a file of the model are there. Rejects with what keeps the shard from coming. */
  ready(file: number, offset: number, byteLength: number): Promise<void>;
  /** Settles when all is there and on disk; rejects as `ensureShard` does. */
  readonly done: Promise<void>;
  readonly isOver: boolean;
  /** What `done` was rejected with. */
  readonly failure: unknown;
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
  /**
   * The same, as soon as it is known what comes: whoever uses it waits for the bytes that it reads. `onProgress` and the signal go on
   * until `arrival.done`. Without `arrival` all is here, as files of a whole model.
   */
  beginShard(shard: ShardRequest, options?: ObtainOptions): Promise<{ readonly model: GgufModel; readonly arrival?: ShardArrival }>;
  /** Hashes a whole model so that peers need not wait for it when they ask; nothing to do for one that was hashed before. */
  prepare(id: ModelId): Promise<void>;
  /** Bytes of these layers that are not on this disk; undefined while not even the header is. */
  missingBytes(shard: ShardRequest): Promise<number | undefined>;
}
