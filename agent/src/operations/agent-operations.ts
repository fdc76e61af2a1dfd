import type { OperationHandler } from '../control/contract.ts';
import { implement } from '../control/contract.ts';
import { benchOperations } from './bench-operation.ts';
import { aboutOperation } from './about.ts';
import { meshOperations, type MeshOperationParts } from './mesh-operations.ts';
import { reachOperation } from './reach.ts';
import { ringOperations, type RingOperationParts } from './ring-operations.ts';

/** What the operations need of the running agent. */
export interface AgentParts extends MeshOperationParts, RingOperationParts {
  /** A key of this run for commands. */
  readonly apiKey: string;
  /** PEM, when it serves https. */
  readonly certificate: string | undefined;
}

/** Everything that commands can ask of the running agent. */
export function agentOperations(parts: AgentParts): readonly OperationHandler[] {
  const { version, url, apiKey, certificate } = parts;
  return [
    implement(aboutOperation, () => ({ version, pid: process.pid, url: url() })),
    implement(reachOperation, () => ({ url: url(), apiKey, certificate })),
    ...meshOperations(parts),
    ...ringOperations(parts),
    ...benchOperations(parts),
  ];
}
