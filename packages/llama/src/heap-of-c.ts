import { KIB } from '@pippa/core';
import koffi from 'koffi';

const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
/** Hidden states of a few rows and more; steps of one token, which come all the time, are smaller. */
const LARGE_BYTES = 128 * KIB;

/**
 * Has what C allocates in blocks of 128 KiB and more given back to the system as soon as it is freed. Left to itself, glibc raises that limit
 * up to 32 MiB by what it sees freed, and keeps what is below it for later: tens of MiB of hidden states that came and went once. For the
 * whole process; on other systems it does nothing.
 */
export function keepNoFreedBlocks(): void {
  if (process.platform !== 'linux') return;
  try {
    const mallopt = koffi.load('libc.so.6').func('int mallopt(int what, int value)');
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
  } catch {
    // Another libc, which has no such habit.
  }
}
