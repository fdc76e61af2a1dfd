import type { NodeCard, Peer, PeerId } from '@pippa/core';
import type { MeshAdministration, MembershipFacts, PendingJoin } from './mesh-administration.ts';

/** Something that happened in the mesh, for the person at the terminal. */
export type MeshNotice =
  | { readonly kind: 'came' | 'returned'; readonly card: NodeCard }
  | { readonly kind: 'gone'; readonly peer: Peer }
  | { readonly kind: 'waits'; readonly join: PendingJoin }
  | { readonly kind: 'asking'; readonly words: string; readonly ownName: string }
  | { readonly kind: 'let in' };

/** Tells what happens from now on; what is there already counts as known. Returns how to stop that. */
export function watchNotices(administration: MeshAdministration, tell: (notice: MeshNotice) => void): () => void {
  const present = new Map<PeerId, boolean>();
  const waiting = new Set<string>();
  let membership: MembershipFacts['kind'] | undefined;
  const look = (say: (notice: MeshNotice) => void): void => {
    for (const peer of administration.peers()) {
      const was = present.get(peer.id);
      // A suspect may come back any moment: nothing to tell.
      if (peer.state === 'dead') {
        if (was === true) say({ kind: 'gone', peer });
        if (was !== undefined) present.set(peer.id, false);
      } else if (was !== true && peer.card !== undefined) {
        present.set(peer.id, true);
        say({ kind: was === undefined ? 'came' : 'returned', card: peer.card });
      }
    }
    const joins = administration.pendingJoins();
    for (const join of joins) if (!waiting.has(key(join))) say({ kind: 'waits', join });
    waiting.clear();
    for (const join of joins) waiting.add(key(join));
    const now = administration.membership;
    if (now.kind === 'asking' && membership !== 'asking')
      say({ kind: 'asking', words: now.words, ownName: administration.card.name });
    if (now.kind === 'member' && membership !== undefined && membership !== 'member') say({ kind: 'let in' });
    membership = now.kind;
  };
  look(() => undefined);
  return administration.onChanged(() => look(tell));
}

function key({ peer, words }: PendingJoin): string {
  return `${peer} ${words}`;
}
