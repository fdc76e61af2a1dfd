import type { NodeCard } from '@pippa/core';
import type { MachineReader } from '../machine-reader.ts';

const FOLDER = '/sys/class/power_supply';

/** Of /sys/class/power_supply (https://docs.kernel.org/power/power_supply_class.html). Batteries of mice and headsets do not count. */
export async function readPowerSupply(reader: MachineReader): Promise<NodeCard['power']> {
  const names = await reader.list(FOLDER);
  const supplies = await Promise.all(names.slice(0, 32).map((name) => readSupply(reader, `${FOLDER}/${name}`)));
  const batteries = supplies.filter((supply) => supply.type === 'Battery' && supply.scope !== 'Device');
  // A machine without a battery is on mains, or off.
  if (batteries.length === 0) return { source: 'mains' };
  const plugged = supplies.some((supply) => (supply.type === 'Mains' || supply.type === 'USB') && supply.online === '1');
  const discharging = batteries.some((battery) => battery.status === 'Discharging');
  const source = discharging ? 'battery' : plugged || batteries.every(({ status }) => isFed(status)) ? 'mains' : 'unknown';
  const levels = batteries.map(({ capacity }) => Number(capacity)).filter((level) => level >= 0 && level <= 100);
  if (levels.length === 0) return { source };
  return { source, batteryPercent: Math.round(levels.reduce((sum, level) => sum + level, 0) / levels.length) };
}

function isFed(status: string | undefined): boolean {
  return status === 'Charging' || status === 'Full' || status === 'Not charging';
}

type Supply = Readonly<Record<'type' | 'scope' | 'online' | 'status' | 'capacity', string | undefined>>;

async function readSupply(reader: MachineReader, folder: string): Promise<Supply> {
  const read = async (file: string): Promise<string | undefined> => (await reader.readFile(`${folder}/${file}`))?.trim();
  const [type, scope, online, status, capacity] = await Promise.all(['type', 'scope', 'online', 'status', 'capacity'].map(read));
  return { type, scope, online, status, capacity };
}
