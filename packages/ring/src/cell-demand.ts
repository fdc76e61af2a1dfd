import type { Sequence } from './sequence.ts';

/** Cells a sequence still takes for the tokens it has and the next one. */
export function cellsAhead(sequence: Pick<Sequence, 'pending'>): number {
  return sequence.pending + 1;
}

/** Who goes first when somebody must: batch before interactive work, then the youngest. The eldest thus always gets done. */
export function mostExpendable<Candidate extends Pick<Sequence, 'id' | 'urgent'>>(
  running: readonly Candidate[],
): Candidate | undefined {
  return running.toSorted((a, b) => Number(a.urgent) - Number(b.urgent) || b.id - a.id)[0];
}
