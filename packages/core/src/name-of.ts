import type { PeerId } from './ids.ts';
import type { Mesh } from './mesh.ts';

/** What people call a node of the mesh, this one included; its id while its card is not known. */
export function nameOf(mesh: Pick<Mesh, 'self' | 'card' | 'peer'>, peer: PeerId): string {
  const card = peer === mesh.self ? mesh.card : mesh.peer(peer)?.card;
  return card?.name ?? peer;
}
