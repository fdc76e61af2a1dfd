import { nameOf, type Clock, type Mesh, type PeerId } from '@pippa/core';
import type { PlacedStage } from '@pippa/protocol';
import { StageConnection, type StageOpening } from '../chain/stage-connection.ts';
import type { PlannedSpare } from './ring-planner.ts';

/** A node that would not take a spare is left alone for so long. */
const REFUSED_MS = 60_000;

/** Second copies of a ring's stages: loaded beside the running ring, and linked once a stage is lost. */
export class Spares {
  readonly #mesh: Mesh;
  readonly #clock: Clock;
  #connections: readonly StageConnection[] = [];
  /** Until when nodes are not asked. */
  readonly #refused = new Map<PeerId, number>();
  readonly #onChange: () => void;

  constructor(parts: { readonly mesh: Mesh; readonly clock: Clock; readonly onChange: () => void }) {
    this.#mesh = parts.mesh;
    this.#clock = parts.clock;
    this.#onChange = parts.onChange;
  }

  get connections(): readonly StageConnection[] {
    return this.#connections;
  }

  get placed(): readonly PlacedStage[] {
    return this.#connections.map(placedStage);
  }

  /** Nodes that would not take a spare a short while ago. */
  get refusing(): readonly PeerId[] {
    for (const [peer, untilMs] of this.#refused) if (untilMs <= this.#clock.nowMs()) this.#refused.delete(peer);
    return [...this.#refused.keys()];
  }

  /** Loads one; a node that refuses is not asked again for a while. Throws the signal's reason. */
  async open({ peer }: PlannedSpare, opening: StageOpening, signal: AbortSignal): Promise<void> {
    let connection: StageConnection;
    try {
      connection = await StageConnection.open(this.#mesh, peer, opening, { name: nameOf(this.#mesh, peer), signal });
    } catch {
      signal.throwIfAborted();
      this.#refused.set(peer, this.#clock.nowMs() + REFUSED_MS);
      return;
    }
    this.#set([...this.#connections, connection]);
    void connection.lost.then((error) => {
      // Its node took the memory back, or is gone; a spare that became a stage is not here any more.
      if (!this.#connections.includes(connection)) return;
      this.#set(this.#connections.filter((each) => each !== connection));
      if (error !== undefined) this.#refused.set(peer, this.#clock.nowMs() + REFUSED_MS);
    });
  }

  /** These are stages of the ring from here on. */
  release(used: readonly StageConnection[]): void {
    if (this.#connections.some((each) => used.includes(each))) this.#set(this.#connections.filter((each) => !used.includes(each)));
  }

  /** Unloads those that could stand in for none of these stages. */
  prune(stages: readonly PlacedStage[]): void {
    this.#drop(
      ({ peer, info }) => !stages.some((stage) => stage.from === info.from && stage.to === info.to && stage.peer !== peer),
    );
  }

  close(): void {
    this.#drop(() => true);
  }

  #drop(isUseless: (connection: StageConnection) => boolean): void {
    const useless = this.#connections.filter(isUseless);
    if (useless.length === 0) return;
    this.#set(this.#connections.filter((each) => !useless.includes(each)));
    for (const connection of useless) connection.close().catch(() => {});
  }

  #set(connections: readonly StageConnection[]): void {
    this.#connections = connections;
    this.#onChange();
  }
}

export function placedStage({ peer, info }: StageConnection): PlacedStage {
  return { peer, from: info.from, to: info.to };
}
