import type { NodeCard } from '@pippa/core';
import { hasLowBattery } from '@pippa/planner';

/**
 * What a machine in trouble is relieved of. `spares`: second copies, which nobody needs now. `stages`: those of rings that others conduct,
 * too; they take them over while answers go on.
 */
export type Relief = 'none' | 'spares' | 'stages';

/**
 * By how the machine fares: memory that runs short is given back before the system takes it, and a battery that runs out, or heat at which
 * machines switch themselves off, is not waited for. Less heat is not in it: a hot machine is slow, and layers move off slow nodes by what
 * was measured. Pure.
 */
export function planRelief({
  memoryPressure,
  thermalPressure,
  power,
}: Pick<NodeCard, 'memoryPressure' | 'thermalPressure' | 'power'>): Relief {
  if (memoryPressure === 'critical' || thermalPressure === 'critical' || hasLowBattery(power)) return 'stages';
  return memoryPressure === 'warning' ? 'spares' : 'none';
}
