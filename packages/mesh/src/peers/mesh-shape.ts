import type { PeerId } from '@pippa/core';
import type { MeshSettings } from '../settings.ts';
import type { Dialer } from './dialer.ts';
import type { PeerTable } from './peer-table.ts';

export interface MeshShapeParts {
  readonly self: PeerId;
  readonly settings: MeshSettings;
  readonly table: PeerTable;
  dialer(): Dialer;
}

/** Who is linked to whom, as far as this node knows: all to all in a small mesh, each to a few in a large one. */
export class MeshShape {
  readonly #parts: MeshShapeParts;

  constructor(parts: MeshShapeParts) {
    this.#parts = parts;
  }

  /** Nodes with which there is a link. */
  get linked(): number {
    let count = 0;
    for (const record of this.#parts.table.records) if (record.links.size > 0) count++;
    return count;
  }

  /** Not every node has a link to every other. */
  get isLarge(): boolean {
    return Math.max(this.#parts.table.size, this.#parts.dialer().size) > this.#parts.settings.fullMeshMembers;
  }

  /** Whether a link to the peer is worth a dial. */
  wants(peer: PeerId): boolean {
    if (!this.isLarge || this.linked + this.#parts.dialer().active < this.#parts.settings.enoughLinks) return true;
    return (this.#parts.table.find(peer)?.state ?? 'alive') !== 'alive';
  }

  /** Links that are missing in a large mesh; 0 in a small one, where everybody dials everybody anyway. */
  get missing(): number {
    return this.isLarge ? Math.max(0, this.#parts.settings.enoughLinks - this.linked) : 0;
  }

  /**
   * The nodes before and after this one in the order of their ids, among those with a link: they watch each other, so that everybody is
   * watched by two whatever the size of the mesh.
   */
  get neighbours(): ReadonlySet<PeerId> {
    let before: PeerId | undefined;
    let after: PeerId | undefined;
    let first: PeerId | undefined;
    let last: PeerId | undefined;
    for (const { id, links, state } of this.#parts.table.records) {
      if (links.size === 0 || state === 'dead') continue;
      if (first === undefined || id < first) first = id;
      if (last === undefined || id > last) last = id;
      if (id < this.#parts.self && (before === undefined || id > before)) before = id;
      if (id > this.#parts.self && (after === undefined || id < after)) after = id;
    }
    return new Set([before ?? last, after ?? first].filter((id) => id !== undefined));
  }
}
