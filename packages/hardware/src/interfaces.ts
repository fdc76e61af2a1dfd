import { isIP, isIPv6 } from 'node:net';
import type { LinkTier } from '@pippa/core';
import { tierOf, type InterfaceType } from './interface-types.ts';
import { readInterfaceType } from './linux/interface-type.ts';
import type { MachineReader } from './machine-reader.ts';
import { parseHardwarePorts, portType } from './mac/hardware-ports.ts';
import { systemReader } from './system-reader.ts';

export interface ClassifiedInterface {
  readonly type: InterfaceType;
  readonly tier: LinkTier;
  /** `en0`; undefined when no interface has the address. */
  readonly name: string | undefined;
}

export type ClassifyInterface = (address: string) => Promise<ClassifiedInterface>;

/**
 * Tells of one of this machine's addresses (an IP, `::ffff:` and `%scope` allowed) over what kind of interface it goes. What an
 * interface is does not change: each is looked at once.
 */
export function createInterfaceClassifier(reader: MachineReader = systemReader): ClassifyInterface {
  const types = new Map<string, Promise<InterfaceType>>();
  let ports: Promise<ReadonlyMap<string, string>> | undefined;
  const typeOf = async (name: string): Promise<InterfaceType> => {
    if (reader.facts().platform !== 'darwin') return readInterfaceType(reader, name);
    ports ??= reader.run('/usr/sbin/networksetup', ['-listallhardwareports']).then((output) => parseHardwarePorts(output ?? ''));
    const port = (await ports).get(name);
    // An adapter that was plugged in since is looked for again.
    if (port === undefined) ports = undefined;
    return port === undefined ? 'unknown' : portType(port);
  };
  return async (address) => {
    const wanted = plainAddress(address);
    const name = Object.entries(reader.facts().interfaces).find(([, addresses]) =>
      addresses?.some((own) => plainAddress(own.address) === wanted),
    )?.[0];
    if (isLoopback(wanted)) return { type: 'loopback', tier: 0, name };
    if (name === undefined) return { type: 'unknown', tier: 3, name };
    const known = types.get(name) ?? typeOf(name);
    types.set(name, known);
    const type = await known;
    if (type === 'unknown') types.delete(name);
    return { type, tier: tierOf(type), name };
  };
}

export const classifyInterface: ClassifyInterface = createInterfaceClassifier();

function isLoopback(address: string): boolean {
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}

/** `::ffff:10.0.0.1` -> `10.0.0.1`, `fe80::1%en0` -> `fe80::1` */
function plainAddress(address: string): string {
  const [plain = ''] = address.toLowerCase().split('%');
  return isIPv6(plain) ? plain.replace(/^::ffff:(?=\d+\.)/, '') : plain;
}
