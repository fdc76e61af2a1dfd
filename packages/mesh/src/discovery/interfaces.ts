import { BlockList, isIP } from 'node:net';
import type { networkInterfaces } from 'node:os';
import type { InterfaceType } from '../peers/classify.ts';

/** One address of one interface of this machine. */
export interface LocalAddress {
  readonly name: string;
  readonly address: string;
  readonly family: 4 | 6;
  readonly prefix: number;
  readonly loopback: boolean;
}

/**
 * Virtual machines, containers and VPNs: others don't reach them, or reach them by a detour. macOS' `bridge0` is the Thunderbolt
 * bridge; `bridge100` and up belong to virtual machines.
 */
const NOISE =
  /^(docker|br-|veth|virbr|vmnet|vboxnet|vnet|lxc|lxd|cni|flannel|cali|podman|utun|tun|tap|wg|tailscale|ts\d|zt|ppp|ipsec|awdl|llw|anpi|ap\d|gif|stf|bridge[1-9]\d\d)/;

export interface InterfaceFilter {
  /** Names of interfaces to use, and no others. */
  readonly only?: readonly string[];
  readonly classify: (address: string) => InterfaceType;
}

/** All addresses of this machine, as `os.networkInterfaces` has them. */
export function localAddresses(interfaces: ReturnType<typeof networkInterfaces>): readonly LocalAddress[] {
  return Object.entries(interfaces).flatMap(([name, entries]) =>
    (entries ?? []).map(({ address, family, cidr, internal }) => ({
      name,
      address,
      family: family === 'IPv6' ? (6 as const) : (4 as const),
      prefix: Number(cidr?.split('/')[1] ?? (family === 'IPv6' ? 128 : 32)),
      loopback: internal,
    })),
  );
}

/** The addresses that peers are to use: real networks, and the loopback only where there is nothing else. */
export function usableAddresses(all: readonly LocalAddress[], filter: InterfaceFilter): readonly LocalAddress[] {
  const { only } = filter;
  const chosen = all.filter(({ name }) => (only === undefined ? !NOISE.test(name) : only.includes(name)));
  const routable = chosen.filter(
    ({ loopback, address }) => !loopback && (!isLinkLocal(address) || filter.classify(address) === 'thunderbolt'),
  );
  const real = routable.filter(({ address }) => !isScoped(address));
  return real.length > 0 ? real : chosen.filter(({ loopback }) => loopback);
}

/** 169.254/16 is what an interface gives itself when nobody answers; over a Thunderbolt cable that is the normal case. */
function isLinkLocal(address: string): boolean {
  return address.startsWith('169.254.') || isScoped(address);
}

/** `fe80::/10` means nothing without the interface's name, which the other side doesn't know. */
function isScoped(address: string): boolean {
  return /^fe[89ab]/i.test(address);
}

/** Whether an address lies in a network that this machine is in. */
export function onLink(address: string, all: readonly LocalAddress[]): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  const networks = new BlockList();
  for (const local of all) {
    if (local.family === family) networks.addSubnet(local.address, local.prefix, family === 6 ? 'ipv6' : 'ipv4');
  }
  return networks.check(address, family === 6 ? 'ipv6' : 'ipv4');
}
