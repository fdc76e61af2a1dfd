import { errorMessage, type Clock, type Logger, type NodeCard } from '@pippa/core';
import { readPerformance, watchConditions, type HardwareFacts, type MachineReader } from '@pippa/hardware';

export type CardChange = Partial<Omit<NodeCard, 'peer' | 'version'>>;

export interface KeepCardFreshParts {
  readonly hardware: HardwareFacts;
  /** Where measurements are kept between starts. */
  readonly cachePath: string;
  readonly logger: Logger;
  readonly updateCard: (change: CardChange) => void;
  /** Nobody else plans with the figures: they are not worth a second of all cores. */
  readonly alone?: boolean;
  readonly reader?: MachineReader;
  readonly clock?: Clock;
}

/**
 * Measures how fast the machine is, once, and watches how it fares; both go into the card as they become known. Nothing of it holds up
 * the start. Returns how to stop.
 */
export function keepCardFresh(parts: KeepCardFreshParts): () => void {
  const { hardware, cachePath, logger, updateCard, alone = false, ...injected } = parts;
  const stopWatching = watchConditions(updateCard, injected);
  if (alone) return stopWatching;
  const stopping = new AbortController();
  readPerformance(hardware, { cachePath, ...injected, signal: stopping.signal }).then(
    ({ memoryBandwidth, computeRate, bandwidthSource }) => {
      if (stopping.signal.aborted) return;
      updateCard({ memoryBandwidth, computeRate });
      logger.debug({ scope: 'hardware', memoryBandwidth, bandwidthSource, computeRate }, 'this machine was measured');
    },
    (error: unknown) => {
      if (!stopping.signal.aborted) logger.warn({ scope: 'hardware', error: errorMessage(error) }, 'the machine was not measured');
    },
  );
  return () => {
    stopWatching();
    stopping.abort();
  };
}
