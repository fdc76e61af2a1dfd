import { errorMessage, type Clock, type Logger, type PeerId } from '@pippa/core';
import type { MeshNode } from '@pippa/mesh';

/** A node that has just come is busy with itself; its first figures would be poor. */
const SETTLE_MS = 2000;

/**
 * Measures the link to every peer once when it comes, and again when it is reached another way; one at a time, so that probes do not
 * measure each other. Returns how to stop that.
 */
export function probeLinks(node: MeshNode, { logger, clock }: { readonly logger: Logger; readonly clock: Clock }): () => void {
  const stopping = new AbortController();
  const cancels = new Set<() => void>();
  /** Over which kind of interface a peer was measured last. */
  const measured = new Map<PeerId, string>();
  let line = Promise.resolve();
  const stopListening = node.onPeersChanged(({ id, state, card, link }) => {
    if (state === 'dead') measured.delete(id);
    if (state !== 'alive' || card === undefined || measured.get(id) === link.interfaceType) return;
    measured.set(id, link.interfaceType);
    const cancel = clock.schedule(SETTLE_MS, () => {
      cancels.delete(cancel);
      line = line.then(() => measure(id));
    });
    cancels.add(cancel);
  });
  const measure = async (id: PeerId): Promise<void> => {
    if (stopping.signal.aborted) return;
    try {
      await node.measureThroughput(id, { signal: stopping.signal });
    } catch (error) {
      logger.debug({ scope: 'mesh', peer: id, error: errorMessage(error) }, 'a link could not be measured');
    }
  };
  return () => {
    stopListening();
    stopping.abort();
    for (const cancel of cancels) cancel();
  };
}
