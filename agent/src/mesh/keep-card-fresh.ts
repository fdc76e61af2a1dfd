import { errorMessage, systemClock, type Clock, type Logger, type NodeCard } from '@pippa/core';
import {
  readPerformance,
  watchConditions,
  type HardwareFacts,
  type MachineReader,
  type ReadPerformanceOptions,
} from '@pippa/hardware';

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
  readonly measure?: ReadPerformanceOptions['measure'];
  readonly clock?: Clock;
}

const RETRIES = 3;
const RETRY_MS = 60_000;

/**
 * Measures how fast the machine is, once, and watches how it fares; both go into the card as they become known. Nothing of it holds up
 * the start. Returns how to stop.
 */
export function keepCardFresh(parts: KeepCardFreshParts): () => void {
  const { hardware, cachePath, logger, updateCard, alone = false, ...injected } = parts;
  const { clock = systemClock } = injected;
  const stopWatching = watchConditions(updateCard, injected);
  if (alone) return stopWatching;
  const stopping = new AbortController();
  let cancelRetry: (() => void) | undefined;
  let best: number | undefined;
  const measure = async (triesLeft: number): Promise<void> => {
    const found = await readPerformance(hardware, { cachePath, ...injected, signal: stopping.signal });
    const { computeRate, bandwidthSource, isSettled } = found;
    // What else runs only ever makes it look slower; a measure beats an estimate all the same.
    best = bandwidthSource === 'estimated' ? best : Math.max(best ?? 0, found.memoryBandwidth);
    const memoryBandwidth = best ?? found.memoryBandwidth;
    updateCard({ memoryBandwidth, computeRate });
    logger.debug({ scope: 'hardware', memoryBandwidth, bandwidthSource, computeRate }, 'this machine was measured');
    // A machine that is busy with its start cannot be measured; later it can.
    if (!isSettled && triesLeft > 0) cancelRetry = clock.schedule(RETRY_MS, () => attempt(triesLeft - 1));
  };
  const attempt = (triesLeft: number): void => {
    measure(triesLeft).catch((error: unknown) => {
      if (!stopping.signal.aborted) logger.warn({ scope: 'hardware', error: errorMessage(error) }, 'the machine was not measured');
    });
  };
  attempt(RETRIES);
  return () => {
    stopWatching();
    stopping.abort();
    cancelRetry?.();
  };
}
