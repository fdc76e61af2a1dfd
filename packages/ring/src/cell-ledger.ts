/** Consecutive positions whose cells have the same holders. */
interface Run {
  length: number;
  holders: number;
}

/**
 * Counts KV cells as the engine's unified cache does: a cell holds one position and may belong to several slots (a copied prefix takes
 * no cells of its own) and is free once the last of them lets go.
 */
export class CellLedger {
  readonly #slots: Run[][];
  #used = 0;

  constructor(slotCount: number) {
    this.#slots = Array.from({ length: slotCount }, () => []);
  }

  /** Cells that hold something. */
  get used(): number {
    return this.#used;
  }

  /** The slot holds `count` more positions, in cells of its own. */
  append(slot: number, count: number): void {
    const runs = this.#runs(slot);
    const last = runs.at(-1);
    if (last?.holders === 1) last.length += count;
    else runs.push({ length: count, holders: 1 });
    this.#used += count;
  }

  /** The slot keeps its first `length` positions. */
  truncate(slot: number, length: number): void {
    const runs = this.#runs(slot);
    for (const run of runs.splice(this.#split(runs, length))) {
      run.holders -= 1;
      if (run.holders === 0) this.#used -= run.length;
    }
  }

  /** `target`, which must be empty, holds the first `length` positions of `source` too. */
  share(source: number, target: number, length: number): void {
    const runs = this.#runs(source);
    const shared = runs.slice(0, this.#split(runs, length));
    for (const run of shared) run.holders += 1;
    this.#slots[target] = shared;
  }

  /** Cells that at least one of these slots holds. */
  heldBy(slots: readonly number[]): number {
    const counted = new Set<Run>();
    let cells = 0;
    for (const slot of slots) {
      for (const run of this.#runs(slot)) {
        if (counted.has(run)) continue;
        counted.add(run);
        cells += run.length;
      }
    }
    return cells;
  }

  /** Index of the run that begins at position `length`; cuts a run in two, for all its holders, where there is none. */
  #split(runs: readonly Run[], length: number): number {
    let index = 0;
    let before = 0;
    for (; index < runs.length && before < length; index += 1) {
      const run = runs[index] as Run;
      if (before + run.length > length) {
        const rest: Run = { length: before + run.length - length, holders: run.holders };
        run.length = length - before;
        for (const other of this.#slots) {
          const place = other.indexOf(run);
          if (place >= 0) other.splice(place + 1, 0, rest);
        }
        return index + 1;
      }
      before += run.length;
    }
    return index;
  }

  #runs(slot: number): Run[] {
    return this.#slots[slot] as Run[];
  }
}
