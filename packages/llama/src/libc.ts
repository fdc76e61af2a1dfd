import { KIB } from '@pippa/core';
import koffi from 'koffi';

/** How memory is to be treated: the numbers of Linux. */
const ADVICES = { dontNeed: 4, collapse: 25 } as const;
export type Advice = keyof typeof ADVICES;

const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
/** Hidden states of a few rows and more; those of one token, which come all the time, are smaller. */
const LARGE_BYTES = 128 * KIB;

/** What is asked of glibc; addresses and lengths in bytes. */
interface Libc {
  readonly madvise: (address: number, byteLength: number, advice: number) => number;
  readonly mincore: (address: number, byteLength: number, pages: Uint8Array) => number;
  readonly mallopt: (what: number, value: number) => number;
  readonly mallocTrim: (keptBytes: number) => number;
}

let opened: Libc | undefined;
let isOpened = false;

/** Undefined where there is no such thing: another system, another libc. */
function libc(): Libc | undefined {
  if (isOpened) return opened;
  isOpened = true;
  if (process.platform !== 'linux') return undefined;
  try {
    const library = koffi.load('libc.so.6');
    opened = {
      madvise: library.func('int madvise(uintptr_t address, size_t length, int advice)'),
      mincore: library.func('int mincore(uintptr_t address, size_t length, void *pages)'),
      mallopt: library.func('int mallopt(int what, int value)'),
      mallocTrim: library.func('int malloc_trim(size_t keptBytes)'),
    };
  } catch {
    // What it is wanted for are savings, and nothing breaks without them.
  }
  return opened;
}

/** False when the system refuses, or has no such thing. */
export function madvise(address: number, byteLength: number, advice: Advice): boolean {
  return libc()?.madvise(address, byteLength, ADVICES[advice]) === 0;
}

/** Whether each page, one byte for each in `pages`, is in memory (bit 0). False when the system refuses, or has no such thing. */
export function mincore(address: number, byteLength: number, pages: Uint8Array): boolean {
  return libc()?.mincore(address, byteLength, pages) === 0;
}

/**
 * Has what C allocates in blocks of 128 KiB and more given back to the system as soon as it is freed. Left to itself, glibc raises that limit
 * up to 32 MiB by what it sees freed, and keeps what is below it for later: tens of MiB of hidden states that came and went once. What it keeps
 * by now is given back at once. For the whole process; on other systems it does nothing.
 */
export function keepNoFreedBlocks(): void {
  libc()?.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
  libc()?.mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
  libc()?.mallocTrim(0);
}
