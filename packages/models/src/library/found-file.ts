import type { ModelNames } from './model-naming.ts';
import type { ModelPlace } from './places.ts';

/** A GGUF file that a place holds, its header not read yet. */
export interface FoundFile extends ModelNames {
  readonly place: ModelPlace;
  /** The first file of a split model stands for all. */
  readonly path: string;
  /** Vision or audio projector that belongs to it. */
  readonly projectorPath?: string;
}

/** Most model files that one place is searched for. */
export const MAX_FILES_PER_PLACE = 10_000;
