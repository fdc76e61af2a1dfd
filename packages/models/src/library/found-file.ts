import type { ModelNames } from './model-naming.ts';
import type { ModelPlace } from './places.ts';

/** A GGUF file that a place holds, its header not read yet. */
export interface FoundFile extends ModelNames {
  readonly place: ModelPlace;
  /** The first file of a split model stands for all. */
  readonly path: string;
  /** Vision or audio projector that belongs to it. */
  readonly projectorPath?: string;
  /** Where its place says that it was got from, as `pull` takes it: `hf:owner/repository/file.gguf`, `ollama:llama3.2:1b`. */
  readonly origin?: string;
}

/** Most model files that one place is searched for. */
export const MAX_FILES_PER_PLACE = 10_000;
