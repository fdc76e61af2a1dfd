import type { InterfaceType } from '../interface-types.ts';

/** Device (`en0`) to port (`Wi-Fi`) of the output of `networksetup -listallhardwareports`. */
export function parseHardwarePorts(output: string): ReadonlyMap<string, string> {
  const ports = new Map<string, string>();
  for (const [, port, device] of output.matchAll(/^Hardware Port: (.+)\nDevice: (\S+)/gm))
    if (port !== undefined && device !== undefined) ports.set(device, port.trim());
  return ports;
}

/** What a hardware port is. A Thunderbolt Ethernet adapter is Ethernet: the cable that counts is the other one. */
export function portType(port: string): InterfaceType {
  if (/wi-?fi|airport/i.test(port)) return 'wifi';
  if (/ethernet|\blan\b|10\/100/i.test(port)) return 'wired';
  if (/thunderbolt/i.test(port)) return 'thunderbolt';
  return 'unknown';
}
