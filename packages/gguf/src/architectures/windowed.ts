import { layerCount } from '../layout.ts';
import { getArchitectureNumber } from '../metadata.ts';
import type { ArchitectureRule, GgufModel } from '../types.ts';
import { multiplesOf } from './uniform.ts';

/**
 * Sliding-window layers and full ones alternate by layer index, counted from the start of each shard: cut between whole periods.
 * `defaultPeriod` holds where the file names none; these architectures do not read a per-layer list.
 */
export function windowed(architecture: string, defaultPeriod: number): ArchitectureRule {
  return { architecture, cuts: (model) => wholePeriods(model, defaultPeriod), metadata: () => new Map() };
}

export function wholePeriods(model: GgufModel, defaultPeriod: number): readonly number[] {
  const hasWindow = (getArchitectureNumber(model, 'attention.sliding_window') ?? 0) > 0;
  const period = hasWindow ? (getArchitectureNumber(model, 'attention.sliding_window_pattern') ?? defaultPeriod) : 1;
  return multiplesOf(Math.max(1, period), layerCount(model));
}
