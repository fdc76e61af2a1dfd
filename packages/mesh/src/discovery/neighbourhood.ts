import type { Clock, PeerId } from '@pippa/core';
import { discoveryTag } from '../admission/key-material.ts';
import type { MeshOptions } from '../mesh-options.ts';
import type { Dialer } from '../peers/dialer.ts';
import { DUPLICATE_HINT, multicastProblem, type ReportProblem } from '../problems.ts';
import type { MeshSettings } from '../settings.ts';
import type { Membership } from '../state/membership.ts';
import type { Announcement } from './announcement.ts';
import { Discovery, type NearbyMesh } from './discovery.ts';
import type { OwnAddresses } from './own-addresses.ts';

const MULTICAST_PORT = 5353;

export interface NeighbourhoodParts {
  readonly self: PeerId;
  /** Of this run, hexadecimal. */
  readonly instance: string;
  readonly clock: Clock;
  readonly settings: MeshSettings;
  readonly options: Pick<MeshOptions, 'discovery' | 'peers' | 'random'>;
  readonly addresses: OwnAddresses;
  readonly report: ReportProblem;
  membership(): Membership | undefined;
  dialer(): Dialer;
  /** The machine's addresses are others than before. */
  onAddressesChanged(): void;
}

/** What this node hears of others on its networks and lets them hear of itself, and whom it dials for it. */
export class Neighbourhood {
  readonly #parts: NeighbourhoodParts;
  /** Undefined: no multicast, given addresses alone. */
  readonly #discovery: Discovery | undefined;
  readonly #listeners = new Set<() => void>();
  #isHiding = false;

  constructor(parts: NeighbourhoodParts) {
    this.#parts = parts;
    this.#discovery = parts.options.discovery === false ? undefined : this.#createDiscovery();
  }

  /** Meshes that are heard, this node's own among them. */
  get nearby(): readonly NearbyMesh[] {
    return this.#discovery?.nearby ?? [];
  }

  async start(): Promise<void> {
    await this.#discovery?.start();
  }

  stop(): void {
    this.#discovery?.stop();
  }

  /** Is not to be found until `appear`. */
  hide(): void {
    this.#isHiding = true;
  }

  appear(): void {
    this.#isHiding = false;
  }

  /** Waits until another node is heard, `waitMs` at most. Rejects with the signal's reason. */
  async seek({ waitMs, signal }: { readonly waitMs: number; readonly signal?: AbortSignal }): Promise<readonly NearbyMesh[]> {
    signal?.throwIfAborted();
    if (this.nearby.length > 0 || this.#discovery === undefined) return this.nearby;
    this.#discovery.hurry();
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => {
        cancel();
        this.#listeners.delete(heard);
        signal?.removeEventListener('abort', abort);
      };
      const heard = (): void => {
        stop();
        resolve();
      };
      const abort = (): void => {
        stop();
        reject(signal?.reason);
      };
      const cancel = this.#parts.clock.schedule(waitMs, heard);
      this.#listeners.add(heard);
      signal?.addEventListener('abort', abort, { once: true });
    });
    return this.nearby;
  }

  /** Dials all members that this node knows of, and lets itself be found. */
  goAmongMembers(): void {
    const { settings, options } = this.#parts;
    const dialer = this.#parts.dialer();
    const current = this.#parts.membership();
    for (const address of options.peers ?? []) dialer.add(address);
    for (const { peer, addresses } of current?.members ?? []) dialer.know(peer, addresses, settings.dialPatienceMs);
    for (const { tag, members } of this.nearby)
      if (current !== undefined && tag === discoveryTag(current.key))
        for (const { peer, addresses } of members) dialer.know(peer, addresses, settings.dialPatienceMs);
    this.#discovery?.announce();
    this.#discovery?.hurry();
  }

  /** Multiaddrs of members to ask to be let in: given ones, then whoever is heard. */
  get candidates(): readonly string[] {
    const nearby = this.nearby.flatMap(({ members }) =>
      members.flatMap(({ peer, addresses }) => addresses.map((each) => `${each}/p2p/${peer}`)),
    );
    return [...(this.#parts.options.peers ?? []), ...nearby];
  }

  #createDiscovery(): Discovery {
    const { clock, settings, options, addresses, report } = this.#parts;
    return new Discovery({
      clock,
      intervalMs: settings.discoveryMs,
      random: options.random ?? Math.random,
      port: typeof options.discovery === 'object' ? options.discovery.port : MULTICAST_PORT,
      interfaces: () => addresses.usable,
      announcement: () => this.#announcement(),
      onHeard: (announcement) => this.#heard(announcement),
      onAddressesChanged: () => this.#parts.onAddressesChanged(),
      onError: (error, local) => {
        const { code, message, hint } = multicastProblem(error, local?.name ?? '');
        report(local?.name ?? '', code, message, hint);
      },
    });
  }

  #announcement(): Announcement | undefined {
    const current = this.#parts.membership();
    if (current === undefined || this.#isHiding) return undefined;
    const { self, instance, addresses } = this.#parts;
    return { tag: discoveryTag(current.key), peer: self, instance, addresses: addresses.dialable };
  }

  #heard({ tag, peer, instance, addresses }: Announcement): void {
    if (peer === this.#parts.self) {
      if (instance !== this.#parts.instance)
        this.#parts.report(peer, 'duplicate_identity', `Another node announces this node's own identity ${peer}.`, DUPLICATE_HINT);
      return;
    }
    for (const listener of this.#listeners) listener();
    const current = this.#parts.membership();
    if (current === undefined) return;
    // One that was away while the key was changed still announces the old mesh.
    if (tag !== discoveryTag(current.key) && !current.members.some((member) => member.peer === peer)) return;
    this.#parts.dialer().know(peer, addresses, this.#parts.settings.dialPatienceMs);
  }
}
