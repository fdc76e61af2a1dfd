import type { Mesh, ModelManifest, PeerId } from '@pippa/core';
import type { RingWish } from '@pippa/protocol';
import { PlacementRefusedError, type PlannedRing } from '../ring/ring-planner.ts';
import { askConductor, upCommand, type AskOptions } from './ask-conductor.ts';
import type { KnownRing } from './mesh-rings.ts';

export interface CopyParts {
  readonly mesh: Mesh;
  readonly rings: () => readonly KnownRing[];
  /** Throws `PlacementRefusedError`. */
  readonly place: (wish: RingWish, excluded: ReadonlySet<PeerId>) => PlannedRing | Promise<PlannedRing>;
}

/**
 * Has another ring of a model come up, with as much context as the ones there are, on nodes that hold nothing of it. Throws
 * `PlacementRefusedError`, also when there is none that it could be a copy of, or why the node that should conduct did not bring it up.
 */
export async function bringUpCopy(
  { mesh, rings, place }: CopyParts,
  { manifest, wish }: { readonly manifest: ModelManifest; readonly wish: RingWish },
  options: AskOptions & { readonly onPlanned?: (planned: PlannedRing) => void },
): Promise<void> {
  const { signal, onProgress, onPlanned } = options;
  const there = rings().filter(({ card }) => card.model === manifest.id);
  const contextTokens = Math.max(0, ...there.map(({ card }) => card.contextTokens));
  if (contextTokens === 0) throw new PlacementRefusedError(`${manifest.name} is not up: there is nothing to copy.`);
  const excluded = new Set(there.flatMap(({ card }) => card.stages.map(({ peer }) => peer)));
  const living = [mesh.self, ...mesh.peers().flatMap(({ id, state }) => (state === 'alive' ? [id] : []))];
  if (living.every((peer) => excluded.has(peer))) {
    throw new PlacementRefusedError(`Every node has layers of ${manifest.name} already.`, { hint: 'A copy takes other nodes.' });
  }
  const copy: RingWish = { ...wish, contextTokens, isCopy: true };
  const planned = await place(copy, excluded);
  const conductor = planned.stages[0]?.peer;
  if (conductor === undefined) throw new PlacementRefusedError(`No stages were planned for ${manifest.name}.`);
  onPlanned?.(planned);
  await askConductor(mesh, conductor, upCommand(copy, planned), { signal, ...(onProgress === undefined ? {} : { onProgress }) });
}
