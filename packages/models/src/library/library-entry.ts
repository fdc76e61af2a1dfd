import type { ModelId, ModelManifest } from '@pippa/core';
import type { ModelPlace } from './places.ts';

/** A model on this machine's disk. */
export interface LibraryModel {
  readonly kind: 'model';
  readonly id: ModelId;
  /** `repo:quant`, Ollama's name, or the file's stem. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly place: ModelPlace;
  /** All files, in order; one unless it is split. */
  readonly paths: readonly string[];
  /** Vision or audio projector that lies beside it. */
  readonly projectorPath?: string;
  /** Where it was got from, as `pull` takes it, as far as its place tells. */
  readonly origin?: string;
  readonly manifest: ModelManifest;
}

/** A file that looks like a model and is none that can be used. */
export interface BrokenFile {
  readonly kind: 'broken';
  readonly name: string;
  readonly aliases: readonly string[];
  readonly place: ModelPlace;
  readonly paths: readonly string[];
  readonly error: string;
}

export type LibraryEntry = LibraryModel | BrokenFile;
