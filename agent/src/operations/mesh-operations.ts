import { systemClock, type Clock } from '@pippa/core';
import { z } from 'zod';
import { implement, operation, type OperationContract, type OperationHandler } from '../control/contract.ts';
import { MeshOffError } from '../errors.ts';
import type { MeshAdministration, MeshState } from '../mesh/mesh-administration.ts';
import { namedNodeSchema, nodeReportSchema, type NodeReport } from './node-report.ts';

const nothing = z.strictObject({});
const byName = z.strictObject({ name: z.string().min(1).max(128) });

/** This node, its peers, and who waits to join. */
export const statusOperation = operation('status', nothing, nodeReportSchema);

/** The same again and again, whenever it changed; ends with the caller. */
export const watchOperation: OperationContract<typeof nothing, z.ZodNull, typeof nodeReportSchema> = {
  name: 'watch',
  input: nothing,
  result: z.null(),
  event: nodeReportSchema,
};

/** `open`: whether nodes get in without a code too. */
export const inviteOperation = operation('invite', nothing, z.object({ code: z.string(), open: z.boolean() }));
export const approveOperation = operation('approve', byName, namedNodeSchema);
export const kickOperation = operation('kick', byName, namedNodeSchema);
/** Measures the links to all peers anew; the report is of after that. */
export const probeOperation = operation('probe', nothing, nodeReportSchema);
export const leaveOperation = operation('leave', nothing, z.null());

/** Milliseconds that each peer's clock is ahead, by id. */
export const clockOffsetsOperation = operation('clock-offsets', nothing, z.record(z.string(), z.number()));

/** Changes are told together after this, so that a busy mesh does not flood a terminal. */
const GATHER_MS = 200;

export interface MeshOperationParts {
  readonly version: string;
  url(): string | undefined;
  mesh(): MeshState;
  readonly clock?: Clock;
}

export function meshOperations({ version, url, mesh, clock = systemClock }: MeshOperationParts): readonly OperationHandler[] {
  const administration = (): MeshAdministration => {
    const now = mesh();
    if (now.state === 'on') return now.administration;
    throw new MeshOffError(now.reason);
  };
  const report = (): NodeReport => {
    const about = { version, pid: process.pid, url: url() };
    const now = mesh();
    if (now.state !== 'on') {
      return {
        ...about,
        mesh: { state: now.state, reason: now.reason },
        self: now.card,
        peers: [],
        pendingJoins: [],
        problems: [],
      };
    }
    const { membership, card } = now.administration;
    return {
      ...about,
      mesh: {
        state: 'on',
        membership,
        otherMeshes: now.administration.otherMeshes(),
        addresses: [...now.administration.addresses()],
      },
      self: card,
      peers: [...now.administration.peers()],
      pendingJoins: [...now.administration.pendingJoins()],
      problems: [...now.administration.problems()],
    };
  };
  return [
    implement(statusOperation, report),
    implement(watchOperation, async (_input, { emit, signal }) => {
      let cancel: (() => void) | undefined;
      const tell = (): void => {
        cancel = undefined;
        emit(report());
      };
      tell();
      const stop = administration().onChanged(() => (cancel ??= clock.schedule(GATHER_MS, tell)));
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      stop();
      cancel?.();
      return null;
    }),
    implement(inviteOperation, () => {
      const { membership } = administration();
      return { code: administration().inviteCode(), open: membership.kind === 'member' && membership.open };
    }),
    implement(approveOperation, ({ name }) => administration().approve(name)),
    implement(kickOperation, ({ name }) => administration().kick(name)),
    implement(probeOperation, async (_input, { signal }) => {
      await administration().probe(signal);
      return report();
    }),
    implement(leaveOperation, async () => {
      await administration().leave();
      return null;
    }),
    implement(clockOffsetsOperation, async (_input, { signal }) => Object.fromEntries(await administration().clockOffsets(signal))),
  ];
}
