import { MIB } from '@pippa/core';

/** Bounds of downloads, each with its reason. */
export const PULL_LIMITS = {
  /** What one connection asks for at once; what a cut costs at most. */
  segmentBytes: 16 * MIB,
  /** More hardly helps over one line, and hubs slow clients down that open many. */
  connections: 4,
  /** A file in more segments (1.6 TB) is refused. */
  segments: 100_000,
  redirects: 5,
  /** Without a byte for so long a connection is given up. */
  idleMs: 30_000,
  /** Attempts for a segment that brings nothing new, with pauses that double from the first to the longest. */
  attempts: 6,
  firstPauseMs: 500,
  longestPauseMs: 30_000,
  /** A server that asks for a longer pause (`Retry-After`) fails the download. */
  longestRetryAfterMs: 120_000,
  /** Descriptions: file lists, manifests. */
  descriptionBytes: 16 * MIB,
  /** Pages of a file list, 1,000 files each. */
  pages: 20,
  /** Room that a download leaves on the disk. */
  spareDiskBytes: 256 * MIB,
} as const;
