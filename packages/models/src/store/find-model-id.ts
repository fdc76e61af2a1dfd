import { modelId, type CardModel, type ModelId } from '@pippa/core';
import { NoSuchModelError } from '../errors.ts';
import type { Library } from '../library/library.ts';

export interface FindModelIdOptions {
  readonly library: Library;
  /** What is known beside the library: parts, and models of peers. */
  readonly cards: () => readonly CardModel[];
  readonly signal: AbortSignal | undefined;
}

/** Ids as they are; names of this disk, else of cards. Throws `NoSuchModelError`. */
export async function findModelId(idOrName: string, { library, cards, signal }: FindModelIdOptions): Promise<ModelId> {
  if (/^[0-9a-f]{64}$/.test(idOrName)) return modelId(idOrName);
  try {
    const entry = await library.resolve(idOrName, signal === undefined ? {} : { signal });
    if (entry.kind === 'model') return entry.id;
    throw new NoSuchModelError(`${entry.name} cannot be used: ${entry.error}`);
  } catch (error) {
    const wanted = idOrName.toLowerCase();
    const named = cards().find((model) => model.name.toLowerCase() === wanted);
    if (named !== undefined) return named.id;
    throw error;
  }
}
