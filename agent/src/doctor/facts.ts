import type { ClassifiedInterface } from '@pippa/hardware';
import type { NodeReport } from '../operations/node-report.ts';

/** A multicast message that this machine sent to itself. */
export interface MulticastProbe {
  /** `en0` */
  readonly interfaceName: string;
  /** `lost`: sent without an error, and never heard. */
  readonly outcome: 'heard' | 'lost' | 'failed';
  /** Of the failure: `ENETUNREACH`. */
  readonly code?: string;
}

export interface PortFact {
  /** What listens there, or would: `HTTP API`, `mesh`. */
  readonly use: string;
  /** The flag that changes it. */
  readonly flag: string;
  readonly port: number;
  readonly state: 'free' | 'taken' | 'forbidden' | 'ours';
}

export interface FirewallFact {
  readonly kind: 'macos' | 'ufw' | 'firewalld';
  readonly blocksAll: boolean;
}

export interface InterfaceFact extends ClassifiedInterface {
  readonly address: string;
}

export type AgentFact =
  | { readonly state: 'running'; readonly report: NodeReport; readonly clockOffsetsMs: Readonly<Record<string, number>> }
  | { readonly state: 'stopped' }
  | { readonly state: 'failed'; readonly message: string; readonly hint?: string };

/** Everything that the checks look at. */
export interface DoctorFacts {
  readonly platform: NodeJS.Platform;
  /** Of this command. */
  readonly version: string;
  readonly agent: AgentFact;
  readonly stateFolder: { readonly path: string; readonly exists: boolean; readonly trouble?: string; readonly hint?: string };
  readonly interfaces: readonly InterfaceFact[];
  readonly multicast: readonly MulticastProbe[];
  /** Whether a program holds the port of mDNS for itself. */
  readonly mdnsPort: 'shared' | 'taken' | 'forbidden';
  readonly ports: readonly PortFact[];
  /** Those that are on. */
  readonly firewalls: readonly FirewallFact[];
}

/** `note`: worth knowing. `warning`: works, but not as well as it could. `problem`: does not work. */
export type Level = 'ok' | 'note' | 'warning' | 'problem';

export interface Finding {
  readonly check: string;
  readonly level: Level;
  readonly message: string;
  /** What to do. */
  readonly advice?: string;
}
