import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { MeshOptions } from '../mesh-options.ts';
import { hostOf } from './announcement.ts';
import { localAddresses, usableAddresses, type LocalAddress } from './interfaces.ts';

type AddressOptions = Pick<MeshOptions, 'listen' | 'interfaces' | 'classifyInterface' | 'networkInterfaces'>;

/** Where this machine is, and where this node listens on it. Looked up anew each time: cables come and go. */
export class OwnAddresses {
  readonly #options: AddressOptions;
  /** Multiaddrs that libp2p listens on. */
  readonly #listening: () => readonly string[];

  constructor(options: AddressOptions, listening: () => readonly string[]) {
    this.#options = options;
    this.#listening = listening;
  }

  /** To be handed to libp2p. */
  toListenOn(port: number): readonly string[] {
    const { hosts = ['0.0.0.0', '::'] } = this.#options.listen ?? {};
    return hosts.map((host) => `/${isIP(host) === 6 ? 'ip6' : 'ip4'}/${host}/tcp/${port}`);
  }

  /** All addresses of the machine. */
  get all(): readonly LocalAddress[] {
    return localAddresses((this.#options.networkInterfaces ?? networkInterfaces)());
  }

  /** Those that peers are to use. */
  get usable(): readonly LocalAddress[] {
    const { interfaces: only, classifyInterface = () => 'unknown' } = this.#options;
    return usableAddresses(this.all, { ...(only === undefined ? {} : { only }), classify: classifyInterface });
  }

  /** Where others reach this node, as multiaddrs without its id: what it listens on, less what others don't get at. */
  get dialable(): readonly string[] {
    const listening = this.#listening().map((address) => address.replace(/\/p2p\/.*$/, ''));
    if (this.#options.listen?.hosts !== undefined) return listening;
    const usable = new Set(this.usable.map(({ address }) => address));
    return listening.filter((address) => usable.has(hostOf(address) ?? ''));
  }
}
