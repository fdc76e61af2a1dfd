import { layerCount } from '../layout.ts';
import type { ArchitectureRule, GgufModel } from '../types.ts';

/** Every boundary between two layers. */
export const everywhere = (model: GgufModel): readonly number[] => multiplesOf(1, layerCount(model));

/** The multiples of `step` between 0 and `layers`, both left out. */
export function multiplesOf(step: number, layers: number): number[] {
  return Array.from({ length: Math.ceil(layers / step) - 1 }, (_, index) => (index + 1) * step);
}

/** An architecture whose layers are all alike and know nothing of their index: cut anywhere, change nothing. */
export function uniform(architecture: string): ArchitectureRule {
  return { architecture, cuts: everywhere, metadata: () => new Map() };
}

/** The same architecture where every shard must have a head tensor. */
export const withHead = (rule: ArchitectureRule): ArchitectureRule => ({ ...rule, head: 'needed' });

/** The same architecture where the head is always the embedding. */
export const tied = (rule: ArchitectureRule): ArchitectureRule => ({ ...rule, head: 'tied' });
