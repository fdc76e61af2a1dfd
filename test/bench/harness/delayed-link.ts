import type { NodePlace } from './mesh-ring.ts';
import { FaultyNetwork } from '../../support/faulty-network.ts';

/** Two machines with one cable between them on which every packet takes its time. Needs Linux and root. */
export class DelayedLink implements AsyncDisposable {
  readonly #network: FaultyNetwork;

  private constructor(network: FaultyNetwork) {
    this.#network = network;
  }

  /** `delayMs`: one way. Throws where namespaces or TUN interfaces are not allowed. */
  static async open(delayMs: number): Promise<DelayedLink> {
    const network = await FaultyNetwork.open(2);
    network.between(0, 1, { delayMs, lostShare: 0 });
    return new DelayedLink(network);
  }

  /** For `openMeshNodes`. */
  get places(): readonly NodePlace[] {
    return this.#network.machines.map((machine, index) => ({ machine, address: this.#network.addresses[index] ?? '' }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#network[Symbol.asyncDispose]();
  }
}
