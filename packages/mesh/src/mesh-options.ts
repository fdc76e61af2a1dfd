import type { networkInterfaces } from 'node:os';
import type { Clock, Logger } from '@pippa/core';
import type { CardContent } from './cards/own-card.ts';
import type { ClassifyInterface } from './peers/classify.ts';
import type { MeshSettingsInput } from './settings.ts';
import type { MeshState } from './state/mesh-state.ts';
import type { createTransport } from './transport/create-libp2p.ts';

export interface MeshOptions {
  /** Identity and key: `openMeshState(directory)`, or `memoryMeshState()` in tests. */
  readonly state: MeshState;
  /** What this node says of itself at first; `updateCard` changes it. */
  readonly card: CardContent;
  /**
   * Where to listen. Left out: all interfaces, IPv4 and IPv6, port chosen by the system. `orAnyPort`: so is another one when the port is
   * taken; otherwise that is a problem.
   */
  readonly listen?: { readonly hosts?: readonly string[]; readonly port?: number; readonly orAnyPort?: boolean };
  /** Multiaddrs of members, for networks without multicast; with or without `/p2p/<id>`. */
  readonly peers?: readonly string[];
  /** Whoever comes is a member: for networks where everybody may. No key is made or kept. */
  readonly open?: boolean;
  /** False: no multicast, `peers` alone. `port`: 5353, but for tests. */
  readonly discovery?: boolean | { readonly port: number };
  /** Names of the network interfaces to use. Left out: all but virtual machines', containers' and VPNs'. */
  readonly interfaces?: readonly string[];
  /** `os.networkInterfaces` */
  readonly networkInterfaces?: typeof networkInterfaces;
  readonly settings?: MeshSettingsInput;
  /** What the interface with a local address is. Left out: unknown, which counts as Wi-Fi. */
  readonly classifyInterface?: ClassifyInterface;
  /** Makes the libp2p node; tests keep hold of it to break it. */
  readonly createTransport?: typeof createTransport;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** `0 <= n < 1` */
  readonly random?: () => number;
}
