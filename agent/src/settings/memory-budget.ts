import { GIB, MIB } from '@pippa/core';
import { MEMORY_SIZE } from './schema.ts';

/** Bytes that models may take. `setting`: as the user gave it; undefined leaves it to `machine`. Never more than there is. */
export function memoryBudget(
  setting: string | undefined,
  machine: { readonly totalBytes: number; readonly budgetBytes: number },
): number {
  const [, amount = '', unit = ''] = (setting === undefined ? null : MEMORY_SIZE.exec(setting)) ?? [];
  if (amount === '') return machine.budgetBytes;
  const value = Number(amount);
  const bytes = unit === '%' ? (value / 100) * machine.totalBytes : value * (unit.toUpperCase() === 'GB' ? GIB : MIB);
  return Math.min(machine.totalBytes, Math.floor(bytes));
}
