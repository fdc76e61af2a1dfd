import type { StageRunner } from '@pippa/core';

/** Memory that a loaded stage takes. */
export function bytesOf({ info }: Pick<StageRunner, 'info'>): number {
  const { weights, context, compute } = info.memoryBytes;
  return weights + context + compute;
}
