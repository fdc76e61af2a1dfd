import type { NodeCard } from '@pippa/core';
import type { MachineReader } from '../machine-reader.ts';

const FOLDER = '/sys/class/thermal';
/** Most zones, and trip points of one, that are looked at. */
const MAX_ZONES = 64;
const MAX_TRIPS = 16;
/** This close to where the kernel starts to slow the machine down, in thousandths of a degree, it is warm. */
const NEAR = 5000;

type Pressure = NodeCard['thermalPressure'];
const ORDER: readonly Pressure[] = ['nominal', 'fair', 'serious', 'critical'];

/** The worst zone of /sys/class/thermal, by its own trip points (https://docs.kernel.org/driver-api/thermal/sysfs-api.html). */
export async function readThermal(reader: MachineReader): Promise<Pressure> {
  const zones = (await reader.list(FOLDER)).filter((name) => name.startsWith('thermal_zone')).slice(0, MAX_ZONES);
  const pressures = await Promise.all(zones.map((zone) => readZone(reader, `${FOLDER}/${zone}`)));
  const known = pressures.filter((pressure) => pressure !== 'unknown');
  return known.length === 0 ? 'unknown' : (ORDER[Math.max(...known.map((pressure) => ORDER.indexOf(pressure)))] ?? 'unknown');
}

async function readZone(reader: MachineReader, folder: string): Promise<Pressure> {
  const number = async (file: string): Promise<number> => Number((await reader.readFile(`${folder}/${file}`)) ?? Number.NaN);
  const temperature = await number('temp');
  if (!Number.isFinite(temperature)) return 'unknown';
  const files = (await reader.list(folder)).filter((file) => /^trip_point_\d+_type$/.test(file)).slice(0, MAX_TRIPS);
  const trips = await Promise.all(
    files.map(async (file) => ({
      type: (await reader.readFile(`${folder}/${file}`))?.trim(),
      at: await number(file.replace('_type', '_temp')),
    })),
  );
  // Unset trip points hold 0 or a temperature below absolute zero.
  const lowest = (type: string): number =>
    Math.min(...trips.filter((trip) => trip.type === type && trip.at > 0).map(({ at }) => at));
  const passive = lowest('passive');
  const critical = Math.min(lowest('hot'), lowest('critical'));
  if (temperature >= critical) return 'critical';
  if (temperature >= passive) return 'serious';
  return temperature >= Math.min(passive, critical) - NEAR ? 'fair' : 'nominal';
}
