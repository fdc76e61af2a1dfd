import type { Mesh, ModelId } from '@pippa/core';
import { ask, holdersOf } from './fetch-table.ts';

/** Where a model was got from, as the first peer says that has it and knows; undefined when none does. Throws the signal's reason. */
export async function fetchOrigin(mesh: Mesh, id: ModelId, signal: AbortSignal): Promise<string | undefined> {
  for (const peer of holdersOf(mesh, id)) {
    try {
      const answer = await ask(mesh, peer.id, { kind: 'origin', model: id }, signal);
      if (answer.kind === 'origin' && answer.reference !== undefined) return answer.reference;
    } catch {
      // An older version knows no such question.
      signal.throwIfAborted();
    }
  }
  return undefined;
}
