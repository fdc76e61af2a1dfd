import type { CardRing, Mesh, PeerId, RingId } from '@pippa/core';
import type { RingWish } from '@pippa/protocol';
import type { RingManager } from '../ring/ring-manager.ts';

/** A ring somewhere in the mesh. */
export interface KnownRing {
  readonly conductor: PeerId;
  readonly card: CardRing;
}

/** The rings of the mesh, as this node conducts them and as the cards of the others say. */
export class MeshRings {
  readonly #mesh: Mesh;
  readonly #manager: RingManager;

  constructor(mesh: Mesh, manager: RingManager) {
    this.#mesh = mesh;
    this.#manager = manager;
  }

  /** Those that can be asked, or will be soon; this node's own first. */
  get all(): readonly KnownRing[] {
    const own = this.#manager.rings.map((ring) => ({ conductor: this.#mesh.self, card: ring.card }));
    const others = this.#mesh
      .peers()
      .filter((peer) => peer.state !== 'dead')
      .flatMap((peer) => (peer.card?.rings ?? []).map((card) => ({ conductor: peer.id, card })));
    return [...own, ...others];
  }

  get loading(): readonly KnownRing[] {
    return this.all.filter(({ card }) => card.state === 'loading');
  }

  /** The one that will serve the wish as well: two rings of a model that come up at once would take each other's room. */
  comingUp({ model, only, stageCount }: RingWish, besides: ReadonlySet<PeerId>): KnownRing | undefined {
    if (only !== undefined || stageCount !== undefined) return undefined;
    return this.loading.find(
      ({ card, conductor }) =>
        card.model === model.id &&
        !besides.has(conductor) &&
        (conductor === this.#mesh.self || this.#mesh.peer(conductor)?.state === 'alive'),
    );
  }

  /** Rings that nobody conducts any more, by whose stages living nodes still tell of; `lost`: nodes that are gone, whatever is known of them. */
  unconducted(lost: ReadonlySet<PeerId>): ReadonlySet<RingId> {
    const living = this.#mesh
      .peers()
      .flatMap(({ id, state, card }) => (state !== 'alive' || card === undefined || lost.has(id) ? [] : [card]));
    const conducted = new Set(this.all.filter(({ conductor }) => !lost.has(conductor)).map(({ card }) => card.ring));
    const held = [this.#mesh.card, ...living].flatMap(({ stages }) => stages.map(({ ring }) => ring));
    return new Set(held.filter((ring) => !conducted.has(ring)));
  }

  /** Some node conducts the ring, or has stages of it in memory. */
  holdStages(ring: RingId): boolean {
    const { card: own } = this.#mesh;
    const others = this.#mesh.peers().flatMap(({ state, card }) => (state === 'dead' || card === undefined ? [] : [card]));
    return [own, ...others].some(
      (card) => card.stages.some((stage) => stage.ring === ring) || card.rings.some((each) => each.ring === ring),
    );
  }
}
