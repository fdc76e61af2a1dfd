import type { CardRing } from '@pippa/core';
import type { CopySettings } from './copy-settings.ts';

export interface CopyCircumstances {
  readonly own: CardRing;
  /** How long somebody has waited for a slot of it without a break. */
  readonly queuedMs: number;
  /** All rings of the same model that other nodes conduct. */
  readonly others: readonly CardRing[];
  readonly settings: Pick<CopySettings, 'most' | 'queuedMs'>;
}

/**
 * Whether another copy of a ring's model should come up on other nodes: all there are have more requests than slots. Of several that
 * somebody waits for the one with the earliest name sees to it, so that one comes up at a time. Pure.
 */
export function wantsCopy({ own, queuedMs, others, settings }: CopyCircumstances): boolean {
  if (own.state !== 'ready' || own.isFixed === true || own.waiting === 0 || queuedMs < settings.queuedMs) return false;
  if (others.length + 1 >= settings.most) return false;
  return others.every((other) => other.state === 'ready' && isFull(other) && (other.waiting === 0 || own.ring < other.ring));
}

/**
 * Whether it is worth a look where one node alone could have the model (auto-pin): a ring of several is in use, and no node has it alone yet.
 * Pure.
 */
export function mayBeOutrun({ own, others, settings: { most } }: Pick<CopyCircumstances, 'own' | 'others' | 'settings'>): boolean {
  if (own.state !== 'ready' || own.isFixed === true || own.stages.length === 1 || own.running === 0) return false;
  if (own.measuredTokensPerSecond <= 0 || others.length + 1 >= most) return false;
  return others.every((other) => other.state !== 'loading' && other.stages.length > 1);
}

/**
 * How many of those that wait for the ring had better ask again, now that others share the work: no more than there are slots free
 * elsewhere, nor so many that the ring has less than its part. Pure.
 */
export function surplus(own: Pick<CardRing, 'running' | 'waiting'>, others: readonly CardRing[]): number {
  const loads = [own, ...others].map(({ running, waiting }) => running + waiting);
  const part = Math.ceil(loads.reduce((sum, load) => sum + load, 0) / loads.length);
  const free = others.map(({ running, waiting, parallelSequences }) => Math.max(0, parallelSequences - running - waiting));
  const freeSlots = free.reduce((sum, slots) => sum + slots, 0);
  return Math.max(0, Math.min(own.waiting, own.running + own.waiting - part, freeSlots));
}

function isFull({ running, waiting, parallelSequences }: CardRing): boolean {
  return running + waiting >= parallelSequences;
}
