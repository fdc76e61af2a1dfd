import type { Clock, Mesh, PeerId } from '@pippa/core';
import { z } from 'zod';

const PROTOCOL = 'agent/wall-clock/1';
const TIMEOUT_MS = 2000;

const answerSchema = z.object({ wallMs: z.number() });

/** Tells peers what time it is here. Returns how to stop that. */
export function answerClock(mesh: Mesh, clock: Clock): () => void {
  return mesh.answer(PROTOCOL, async () => ({ wallMs: clock.wallMs() }));
}

/** How far each peer's wall clock is ahead, milliseconds: half of the way there and back counts as the way there. */
export async function askClocks(mesh: Mesh, clock: Clock, signal: AbortSignal): Promise<ReadonlyMap<PeerId, number>> {
  const offsets = new Map<PeerId, number>();
  const alive = mesh.peers().filter(({ state }) => state === 'alive');
  await Promise.all(
    alive.map(async ({ id }) => {
      const before = clock.wallMs();
      try {
        const { wallMs } = answerSchema.parse(await mesh.request(id, PROTOCOL, {}, { timeoutMs: TIMEOUT_MS, signal }));
        offsets.set(id, wallMs - (before + clock.wallMs()) / 2);
      } catch {
        // A peer that does not answer, or of another version, is left out.
        signal.throwIfAborted();
      }
    }),
  );
  return offsets;
}
