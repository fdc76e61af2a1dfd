import type { InterfaceType } from '../interface-types.ts';
import type { MachineReader } from '../machine-reader.ts';

const FOLDER = '/sys/class/net';
/** A VLAN on a bridge on a bond on a card is as deep as it gets. */
const MAX_DEPTH = 4;

/** What /sys/class/net tells of an interface; of a bridge, bond or VLAN, what it runs over, the slowest if there are several. */
export async function readInterfaceType(reader: MachineReader, name: string, depth = 0): Promise<InterfaceType> {
  // `name` comes from the kernel's own list, and never holds a slash.
  const folder = `${FOLDER}/${name}`;
  const entries = await reader.list(folder);
  if (entries.includes('wireless') || entries.includes('phy80211')) return 'wifi';
  const driver = /^DRIVER=(.+)$/m.exec((await reader.readFile(`${folder}/device/uevent`)) ?? '')?.[1];
  if (driver?.startsWith('thunderbolt') === true) return 'thunderbolt';
  if (driver !== undefined || entries.includes('device')) return 'wired';
  if (depth === MAX_DEPTH) return 'unknown';
  const lower = entries.filter((entry) => entry.startsWith('lower_')).slice(0, 16);
  const types = await Promise.all(lower.map((entry) => readInterfaceType(reader, entry.slice('lower_'.length), depth + 1)));
  const known = types.filter((type) => type !== 'unknown');
  return (['wifi', 'wired', 'thunderbolt'] as const).find((type) => known.includes(type)) ?? 'unknown';
}
