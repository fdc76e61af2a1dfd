import { implement, type OperationHandler } from '../control/contract.ts';
import { aboutOperation } from './about.ts';
import { reachOperation } from './reach.ts';

/** What the operations need of the running agent. */
export interface AgentParts {
  readonly version: string;
  /** `http://127.0.0.1:11500`; undefined until the agent listens. */
  url(): string | undefined;
  /** A key of this run for commands. */
  readonly apiKey: string;
  /** PEM, when it serves https. */
  readonly certificate: string | undefined;
}

/** Everything that commands can ask of the running agent. */
export function agentOperations({ version, url, apiKey, certificate }: AgentParts): readonly OperationHandler[] {
  return [
    implement(aboutOperation, () => ({ version, pid: process.pid, url: url() })),
    implement(reachOperation, () => ({ url: url(), apiKey, certificate })),
  ];
}
