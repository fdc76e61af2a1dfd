/** Something that keeps a node from its mesh, in words for a person. */
export interface MeshProblem {
  /** Stable: `duplicate_identity`, `wrong_key`, `version_mismatch`, `removed`, `multicast_failed`, `port_taken`, `self_dialled`. */
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** Wall-clock milliseconds. */
  readonly sinceMs: number;
}

const MAX_PROBLEMS = 64;

/** What went wrong, one entry a cause. */
export class Problems {
  readonly #problems = new Map<string, MeshProblem>();

  get list(): readonly MeshProblem[] {
    return [...this.#problems.values()];
  }

  /** `about` tells causes of one kind apart: the peer or address concerned. True when it is new. */
  add(about: string, problem: MeshProblem): boolean {
    const key = `${problem.code} ${about}`;
    const isNew = !this.#problems.has(key);
    if (isNew && this.#problems.size >= MAX_PROBLEMS) {
      const [oldest] = this.#problems.keys();
      if (oldest !== undefined) this.#problems.delete(oldest);
    }
    this.#problems.set(key, isNew ? problem : { ...problem, sinceMs: this.#problems.get(key)?.sinceMs ?? problem.sinceMs });
    return isNew;
  }

  clear(code: string, about: string): void {
    this.#problems.delete(`${code} ${about}`);
  }
}
