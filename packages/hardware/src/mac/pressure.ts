import type { NodeCard } from '@pippa/core';

/** `kern.memorystatus_vm_pressure_level`: 1 normal, 2 warning, 4 critical (DISPATCH_MEMORYPRESSURE_* of dispatch/source.h). */
export function memoryPressureOf(level: number | undefined): NodeCard['memoryPressure'] {
  switch (level) {
    case 1:
      return 'normal';
    case 2:
      return 'warning';
    case 4:
      return 'critical';
    default:
      return 'unknown';
  }
}

/**
 * Of the output of `notifyutil -g com.apple.system.thermalpressurelevel`: 0 nominal, 1 moderate, 2 heavy, 3 trapping, 4 sleeping
 * (OSThermalNotification.h), which are the four levels that applications see.
 */
export function parseThermalPressure(output: string): NodeCard['thermalPressure'] {
  const level = /com\.apple\.system\.thermalpressurelevel (\d+)/.exec(output)?.[1];
  if (level === undefined) return 'unknown';
  return (['nominal', 'fair', 'serious'] as const)[Number(level)] ?? 'critical';
}
