import { formatBytes } from '@pippa/core';
import type { RemovedShards } from '../engine/shard-cache.ts';

/** What is said when files of layers made room in the cache. */
export function removedShardsLine({ files, bytes }: RemovedShards): string {
  const what = files === 1 ? 'a file of layers that was' : `${files} files of layers that were`;
  return `Removed ${what} used longest ago from the cache (${formatBytes(bytes)}); --shard-cache keeps more`;
}
