/** How many members a set of small numbers has, given as bits. */
export function countOf(set: number): number {
  let count = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

/** The numbers below `size` that are not in the set. */
export function without(set: number, size: number): number[] {
  return Array.from({ length: size }, (_, member) => member).filter((member) => (set & (1 << member)) === 0);
}
