import { describe, expect, it } from 'vitest';
import { HUGE_PAGE_BYTES, HugePages, largeRegions, type MemorySystem } from '../src/huge-pages.ts';

/** Of /proc/self/smaps, as Linux 6.18 writes it. */
const entry = (range: string, what: string, size: number, rss: number, huge = 0): string =>
  [
    `${range} ${what}`,
    `Size:           ${String(size).padStart(8)} kB`,
    `KernelPageSize:        4 kB`,
    `Rss:            ${String(rss).padStart(8)} kB`,
    `AnonHugePages:  ${String(huge).padStart(8)} kB`,
    `VmFlags: rd wr mr mw me ac `,
    '',
  ].join('\n');

function system(there: readonly number[], refused: readonly number[] = []): MemorySystem & { readonly collapsed: number[] } {
  const collapsed: number[] = [];
  return {
    collapsed,
    regions: () => [
      { start: 0, end: 4 * HUGE_PAGE_BYTES + 100 },
      { start: 10 * HUGE_PAGE_BYTES, end: 12 * HUGE_PAGE_BYTES },
    ],
    pagesThere: (start) => there[start / HUGE_PAGE_BYTES] ?? 512,
    collapse(start) {
      if (refused.includes(start / HUGE_PAGE_BYTES)) return false;
      collapsed.push(start / HUGE_PAGE_BYTES);
      return true;
    },
  };
}

describe('huge pages', () => {
  it('are made of large private memory alone that is there and not on them yet', () => {
    const smaps = [
      entry('00e37000-032e7000', 'r-xp 00a37000 fe:00 5325272                            /usr/bin/node', 37_568, 37_568),
      entry('41939000-44941000', 'rw-p 00000000 00:00 0                                  [heap]', 49_184, 49_184),
      entry('7f4081397000-7f40ad000000', 'rw-p 00000000 00:00 0 ', 717_220, 658_668),
      entry('7f40ad0c3000-7f40d0c9e000', 'r--s 000c3000 fe:00 5358026                    /models/model.gguf', 585_580, 585_580),
      entry('7f40d4000000-7f4154000000', '---p 00000000 00:00 0 ', 2_097_152, 0),
      entry('7f4154000000-7f4158000000', 'rw-p 00000000 00:00 0 ', 65_536, 1000),
      entry('7f4158000000-7f415c000000', 'rw-p 00000000 00:00 0 ', 65_536, 65_536, 65_536),
      entry('7f415c000000-7f415c100000', 'rw-p 00000000 00:00 0 ', 1024, 1024),
    ].join('');
    expect(largeRegions(smaps)).toEqual([{ start: 0x7f4081400000, end: 0x7f40ad000000 }]);
  });

  it('are made a few at a time, of blocks that are in memory', () => {
    const memory = system([512, 0, 505, 512]);
    const pages = new HugePages(memory);
    expect(pages.next(2)).toBe(true);
    expect(memory.collapsed).toEqual([0, 2]);
    while (pages.next(1));
    expect(memory.collapsed).toEqual([0, 2, 3, 10, 11]);
    expect(pages.next(1)).toBe(false);
  });

  it('are given up where the system refuses, and made elsewhere', () => {
    const memory = system([], [1]);
    const pages = new HugePages(memory);
    while (pages.next(1));
    expect(memory.collapsed).toEqual([0, 10, 11]);
  });
});
