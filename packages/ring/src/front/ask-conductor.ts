import { PeerUnreachableError, PippaError, StreamLostError, nameOf, type Mesh, type PeerId, type RingId } from '@pippa/core';
import { parseRingReport, RING_LIMITS, RING_PROTOCOL, type RingCommand, type RingWish } from '@pippa/protocol';
import { StageRefusedError } from '../chain/stage-connection.ts';
import { PlacementRefusedError, type PlannedRing } from '../ring/ring-planner.ts';
import { reviveError } from './wire-errors.ts';

export interface AskOptions {
  readonly onProgress?: (progress: { readonly fraction: number; readonly message: string }) => void;
  readonly signal: AbortSignal;
}

/** What became of it. */
export interface ConductorAnswer {
  /** The ring that is up. */
  readonly ring?: RingId;
  /** Why its stages are where they are, in words. */
  readonly reasons: readonly string[];
}

/** Has another node do something about a ring that it conducts, or is to. Throws why it did not, or `StreamLostError`. */
export async function askConductor(
  mesh: Mesh,
  conductor: PeerId,
  command: RingCommand,
  { onProgress, signal }: AskOptions,
): Promise<ConductorAnswer> {
  const stream = await mesh.open(conductor, RING_PROTOCOL, { signal });
  const onAbort = (): void => void stream.close();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return await new Promise<ConductorAnswer>((resolve, reject) => {
      stream.onFrame(({ header }) => {
        try {
          const report = parseRingReport(header);
          if (report.kind === 'progress') onProgress?.({ fraction: report.fraction, message: report.message });
          else if (report.kind === 'refused') reject(refusal(report));
          else resolve(report.kind === 'up' ? { ring: report.ring, reasons: report.reasons ?? [] } : { reasons: [] });
        } catch (error) {
          reject(error);
        }
      });
      void stream.closed.then((error) =>
        reject(error ?? new StreamLostError(`${nameOf(mesh, conductor)} left before the ring was up.`)),
      );
      stream.send(command).catch(reject);
    });
  } finally {
    signal.removeEventListener('abort', onAbort);
    await stream.close().catch(() => {});
  }
}

/** Has the ring up where it was planned to be. */
export function upCommand(wish: RingWish, { stages, reasons }: Pick<PlannedRing, 'stages' | 'reasons'>): RingCommand {
  return { kind: 'up', wish, placement: [...stages], reasons: reasons.slice(0, RING_LIMITS.reasons) };
}

/** The node is gone. */
export function isLost(error: unknown): boolean {
  return error instanceof StreamLostError || error instanceof PeerUnreachableError;
}

/** Another node may do better as the conductor: this one is gone, or stops, or cannot have the first layers. */
export function isConductorsOwn(error: unknown, conductor: PeerId, self: PeerId): boolean {
  if (conductor === self) return error instanceof StageRefusedError && error.peer === self;
  return isLost(error) || (error instanceof PippaError && !(error instanceof PlacementRefusedError));
}

function refusal(report: { readonly code: string; readonly message: string; readonly hint?: string | undefined }): Error {
  const options = report.hint === undefined ? {} : { hint: report.hint };
  if (report.code === 'placement_refused') return new PlacementRefusedError(report.message, options);
  return reviveError({ code: report.code, message: report.message, ...options }, { promptTokens: 0, contextTokens: 0 });
}
