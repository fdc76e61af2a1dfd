import type { Clock, Logger, Mesh } from '@pippa/core';
import type { StageConnection } from '../chain/stage-connection.ts';
import type { Conductor } from '../conductor.ts';
import type { Mover } from './mover.ts';
import type { RingSettings } from './ring-settings.ts';
import type { StageSet } from './stage-set.ts';
import { Upkeep } from './upkeep.ts';
import { Watch } from './watch.ts';

export interface CaretakerParts {
  readonly stages: StageSet;
  readonly mesh: Mesh;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: RingSettings;
  readonly mover: Mover;
  readonly conductor: Conductor;
  readonly isReady: () => boolean;
  /** A step is overdue and the node of this stage suspect. */
  readonly onOverdue: (connection: StageConnection) => void;
  readonly signal: AbortSignal;
}

/** What is done beside the answers of a ring: its nodes are watched, spares loaded and kept close, slow nodes relieved. Returns how to stop. */
export function takeCare(parts: CaretakerParts): () => void {
  const { stages, mesh, clock, logger, settings, mover, conductor, isReady, onOverdue, signal } = parts;
  const watch = new Watch({
    mesh,
    clock,
    overdueMs: settings.overdueMs,
    stages: () => stages.connections,
    oldestStepSinceMs: () => conductor.oldestStepSinceMs(),
    onOverdue,
  });
  const whenReady = (run: () => Promise<void> | void) => async (): Promise<void> => {
    if (isReady()) await run();
  };
  const ofSpares = [
    { everyMs: settings.lookMs, run: whenReady(() => stages.arrangeSpares(signal)) },
    { everyMs: settings.checkpointMs, run: whenReady(() => stages.checkpoint(conductor.carryOver())) },
  ];
  const balance = { everyMs: settings.rebalanceMs, run: whenReady(() => mover.rebalance()) };
  const onError = (error: unknown): void => logger.debug({ err: error }, 'a chore was left undone');
  const upkeep = new Upkeep([...(settings.keepsSpares ? ofSpares : []), balance], { clock, onError });
  return () => {
    watch.stop();
    upkeep.stop();
  };
}
