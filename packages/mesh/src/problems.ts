/** Something that keeps a node from its mesh, in words for a person. */
export interface MeshProblem {
  /** Stable: `duplicate_identity`, `wrong_key`, `version_mismatch`, `removed`, `multicast_failed`, `port_taken`, `self_dialled`. */
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** Wall-clock milliseconds. */
  readonly sinceMs: number;
}

/** `about` tells causes of one kind apart: the peer, address or interface concerned. */
export type ReportProblem = (about: string, code: string, message: string, hint: string) => void;

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

export const DUPLICATE_HINT = 'The state folder was copied: delete identity.key in the copy and start that node again.';

/** Why multicast does not work on an interface, from what the system said. */
export function multicastProblem(
  error: NodeJS.ErrnoException,
  interfaceName: string,
): Pick<MeshProblem, 'code' | 'message' | 'hint'> {
  const where = interfaceName === '' ? '' : ` on ${interfaceName}`;
  if (error.code === 'EADDRINUSE')
    return {
      code: 'multicast_port_taken',
      message: `Another program holds the multicast DNS port 5353${where} for itself, so that other nodes are not found.`,
      hint: 'Stop that program (often avahi with disallow-other-stacks=yes), or name a member with --peer.',
    };
  const blocked = error.code === 'EHOSTUNREACH' || error.code === 'EPERM' || error.code === 'EACCES';
  return {
    code: 'multicast_failed',
    message: `Multicast${where} does not work: ${error.message}.`,
    hint: blocked
      ? 'Allow it: on macOS under Privacy & Security, Local Network; elsewhere in the firewall (UDP 5353). Or name a member with --peer.'
      : 'Check the network, or name a member with --peer.',
  };
}
