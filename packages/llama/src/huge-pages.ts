import { readFileSync } from 'node:fs';
import { MIB } from '@pippa/core';
import { madvise, mincore } from './libc.ts';

/** Smaller regions are not worth it. */
const LEAST_BYTES = 16 * MIB;
export const HUGE_PAGE_BYTES = 2 * MIB;
const PAGE_BYTES = 4096;
/** Pages of a block that must be there: those that are not would be made. */
const LEAST_PAGES = 500;

export interface Region {
  readonly start: number;
  readonly end: number;
}

/** What the system does with memory; addresses and lengths in bytes, `start` at a huge page. */
export interface MemorySystem {
  regions(): readonly Region[];
  /** How many pages of the huge page at `start` are in memory. */
  pagesThere(start: number): number;
  /** False when the system refuses. */
  collapse(start: number): boolean;
}

/**
 * Puts the weights of a loaded model on huge pages, where the system is Linux 6.1 or later. Computing on a CPU streams all weights for every
 * token; on pages of 4 KiB each of them costs a walk through the page tables, in virtual machines through two of them. Elsewhere, and
 * where memory is too scattered, it does nothing.
 */
export class HugePages {
  readonly #system: MemorySystem;
  readonly #regions: Region[];

  /** Of what is loaded by now. */
  constructor(system: MemorySystem | undefined = linuxMemory()) {
    this.#system = system ?? { regions: () => [], pagesThere: () => 0, collapse: () => false };
    this.#regions = [...this.#system.regions()];
  }

  /** Goes on with at most so many huge pages; false when there is nothing left to do. A region that the system refuses is given up. */
  next(count: number): boolean {
    const system = this.#system;
    for (let done = 0; done < count;) {
      const region = this.#regions[0];
      if (region === undefined) return false;
      const { start, end } = region;
      this.#regions[0] = { start: start + HUGE_PAGE_BYTES, end };
      if (start + HUGE_PAGE_BYTES > end) {
        this.#regions.shift();
      } else if (system.pagesThere(start) >= LEAST_PAGES) {
        done += 1;
        if (!system.collapse(start)) this.#regions.shift();
      }
    }
    return this.#regions.length > 0;
  }
}

function linuxMemory(): MemorySystem | undefined {
  if (process.platform !== 'linux') return undefined;
  const pages = new Uint8Array(HUGE_PAGE_BYTES / PAGE_BYTES);
  return {
    regions: () => largeRegions(readFileSync('/proc/self/smaps', 'utf8')),
    pagesThere: (start) => (mincore(start, HUGE_PAGE_BYTES, pages) ? pages.reduce((sum, page) => sum + (page & 1), 0) : 0),
    collapse: (start) => madvise(start, HUGE_PAGE_BYTES, 'collapse'),
  };
}

/** Large private memory without a file behind it, at least half of it there, that is not on huge pages yet. `smaps`: as /proc gives it. */
export function largeRegions(smaps: string): Region[] {
  return smaps.split(/^(?=[\da-f]+-[\da-f]+ )/m).flatMap((entry): Region[] => {
    const head = /^([\da-f]+)-([\da-f]+) rw-p \S+ \S+ 0 *\n/.exec(entry);
    if (head === null) return [];
    const start = Number.parseInt(head[1] ?? '', 16);
    const end = Number.parseInt(head[2] ?? '', 16);
    const size = end - start;
    const there = bytesOf(entry, 'Rss');
    if (size < LEAST_BYTES || there < size / 2 || bytesOf(entry, 'AnonHugePages') > 0.9 * there) return [];
    return [{ start: Math.ceil(start / HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES, end }];
  });
}

function bytesOf(entry: string, key: string): number {
  return Number(new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(entry)?.[1] ?? 0) * 1024;
}
