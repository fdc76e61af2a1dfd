import { systemClock, type Clock } from '@pippa/core';
import type { InterfaceType } from './interface-types.ts';
import { createInterfaceClassifier, type ClassifiedInterface } from './interfaces.ts';
import type { MachineReader } from './machine-reader.ts';
import { systemReader } from './system-reader.ts';

export interface InterfaceWatch {
  /** What the interface with a local address is, at once; `unknown` while a new one is being looked at. */
  typeOf(address: string): InterfaceType;
  stop(): void;
}

export interface WatchInterfacesOptions {
  readonly reader?: MachineReader;
  readonly clock?: Clock;
  /** How often new addresses are looked for: a cable is plugged in, a Wi-Fi joined. */
  readonly intervalMs?: number;
}

/** Reading the addresses takes microseconds. */
const INTERVAL_MS = 1000;

/** Keeps what every address of this machine is at hand. Resolves when all that are there are known. */
export async function watchInterfaces({
  reader = systemReader,
  clock = systemClock,
  intervalMs = INTERVAL_MS,
}: WatchInterfacesOptions = {}): Promise<InterfaceWatch> {
  const classify = createInterfaceClassifier(reader);
  const known = new Map<string, ClassifiedInterface>();
  let stopped = false;
  let cancel: (() => void) | undefined;
  const look = async (): Promise<void> => {
    const addresses = Object.values(reader.facts().interfaces).flatMap((list) => (list ?? []).map(({ address }) => address));
    for (const address of known.keys()) if (!addresses.includes(address)) known.delete(address);
    const fresh = addresses.filter((address) => !known.has(address));
    for (const address of fresh) known.set(address, await classify(address));
    if (!stopped) cancel = clock.schedule(intervalMs, () => void look());
  };
  await look();
  return {
    typeOf(address) {
      const plain = address.split('%')[0]?.replace(/^::ffff:(?=\d+\.)/i, '') ?? address;
      if (plain === '::1' || plain.startsWith('127.')) return 'loopback';
      return known.get(plain)?.type ?? 'unknown';
    },
    stop() {
      stopped = true;
      cancel?.();
    },
  };
}
