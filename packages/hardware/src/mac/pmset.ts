import type { NodeCard } from '@pippa/core';

/** Power of the output of `pmset -g batt`. A UPS counts as a battery: it will be empty soon. */
export function parsePmset(output: string): NodeCard['power'] {
  const from = /Now drawing from '([^']+)'/.exec(output)?.[1];
  const source = from === 'AC Power' ? 'mains' : from === 'Battery Power' || from === 'UPS Power' ? 'battery' : 'unknown';
  const percent = /\t(\d{1,3})%;/.exec(output)?.[1];
  return percent === undefined ? { source } : { source, batteryPercent: Math.min(100, Number(percent)) };
}
