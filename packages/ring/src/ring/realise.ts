import { StageError, nameOf, type Mesh, type PeerId, type PippaError } from '@pippa/core';
import type { PlacedStage } from '@pippa/protocol';
import { StageConnection, type StageOpening } from '../chain/stage-connection.ts';

export interface RealiseOptions {
  readonly mesh: Mesh;
  readonly planned: readonly PlacedStage[];
  /** Stages that are loaded already; those that the plan has no use for are closed. */
  readonly existing: readonly StageConnection[];
  /** Second copies that are loaded; those that the plan has no use for stay. */
  readonly spares: readonly StageConnection[];
  /** What an order says besides layers and place. */
  readonly opening: Omit<StageOpening, 'from' | 'to' | 'index' | 'stageCount' | 'stagesHere' | 'expectedBytes' | 'spare'>;
  readonly stageBytes: readonly number[];
  /** Fraction 0 .. 1 of all stages that have to be loaded. */
  readonly onProgress?: (fraction: number, message: string) => void;
  readonly signal: AbortSignal;
}

export type RealiseOutcome =
  | { readonly kind: 'ready'; readonly connections: readonly StageConnection[] }
  /** Some stages could not be had; what could is in `connections` still. */
  | {
      readonly kind: 'short';
      readonly connections: readonly StageConnection[];
      readonly failures: readonly { readonly peer: PeerId; readonly error: unknown }[];
    };

/** Share of a stage's progress that getting its weights from elsewhere has when it has to. */
const FETCH_SHARE = 0.7;

/** Opens the planned stages that are not there yet, all at once. */
export async function realise(options: RealiseOptions): Promise<RealiseOutcome> {
  const { mesh, planned, existing, opening, stageBytes, onProgress, signal } = options;
  const left = new Set(existing);
  const reused = planned.map((stage) => {
    const found = [...left].find((each) => isStage(each, stage));
    if (found !== undefined) left.delete(found);
    return found ?? options.spares.find((each) => isStage(each, stage));
  });
  await Promise.all([...left].map((connection) => connection.close().catch(() => {})));
  const missing = reused.filter((each) => each === undefined).length;
  const fractions = planned.map(() => 0);
  const failures: { peer: PeerId; error: unknown }[] = [];
  const opened = await Promise.all(
    planned.map(async (stage, index) => {
      const there = reused[index];
      if (there !== undefined) return there;
      const name = nameOf(mesh, stage.peer);
      const layers = `layers ${stage.from} to ${stage.to - 1}`;
      const order: StageOpening = {
        ...opening,
        from: stage.from,
        to: stage.to,
        index,
        stageCount: planned.length,
        stagesHere: planned.filter((each) => each.peer === stage.peer).length,
        expectedBytes: Math.round(stageBytes[index] ?? 0),
        spare: false,
      };
      try {
        return await StageConnection.open(mesh, stage.peer, order, {
          name,
          signal,
          onProgress(phase, fraction) {
            fractions[index] = phase === 'fetch' ? fraction * FETCH_SHARE : Math.max(fractions[index] ?? 0, fraction);
            const verb = phase === 'fetch' ? 'fetches' : 'loads';
            onProgress?.(fractions.reduce((sum, each) => sum + each, 0) / Math.max(1, missing), `${name} ${verb} ${layers}`);
          },
        });
      } catch (error) {
        failures.push({ peer: stage.peer, error });
        return undefined;
      }
    }),
  );
  const connections = opened.filter((each) => each !== undefined);
  if (signal.aborted) {
    closeAll(connections, new StageError('The ring is not wanted any more.'));
    signal.throwIfAborted();
  }
  return failures.length === 0 ? { kind: 'ready', connections } : { kind: 'short', connections, failures };
}

function isStage({ peer, info }: StageConnection, stage: PlacedStage): boolean {
  return peer === stage.peer && info.from === stage.from && info.to === stage.to;
}

export function closeAll(connections: readonly StageConnection[], reason?: PippaError): void {
  for (const connection of connections) {
    if (reason === undefined) connection.close().catch(() => {});
    else connection.abandon(reason);
  }
}
