import type { LoadProgress, ServedModel } from '@pippa/core';
import { ModelLoadingError } from '../errors.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import type { Exchange } from '../http/exchange.ts';
import { patienceMs } from '../http/prefer.ts';

/** Clients come back within this, however long it takes. */
const LONGEST_RETRY_SECONDS = 60;
/** When nothing is known yet. */
const FIRST_RETRY_SECONDS = 2;
/** A smaller part done says nothing about the rest. */
const LEAST_TELLING_FRACTION = 0.02;

export type Loadable = Pick<ServedModel, 'name' | 'ready' | 'load' | 'loading'>;

/**
 * Has a model loaded that does not answer at once. Throws what loading throws, or, for a client that does not wait so long, a
 * `ModelLoadingError`; loading goes on then.
 */
export async function loadModel(
  model: Loadable,
  exchange: Exchange,
  { clock }: Pick<GatewayParts, 'clock'>,
  onProgress: (progress: LoadProgress) => void,
): Promise<void> {
  if (model.ready !== false || model.load === undefined) return;
  const startedMs = clock.nowMs();
  let latest = model.loading;
  const loaded = model.load({
    signal: exchange.signal,
    onProgress(progress) {
      latest = progress;
      onProgress(progress);
    },
  });
  const patience = patienceMs(exchange.incoming.headers);
  if (patience === undefined) return loaded;
  // Nobody may be left to hear how it ends.
  loaded.catch(() => {});
  const unready = (): ModelLoadingError => {
    const elapsedMs = latest?.elapsedMs ?? clock.nowMs() - startedMs;
    return new ModelLoadingError(model.name, latest, retrySeconds(latest?.fraction ?? 0, elapsedMs));
  };
  if (patience === 0) throw unready();
  const impatient = Promise.withResolvers<never>();
  const cancel = clock.schedule(patience, () => impatient.reject(unready()));
  try {
    await Promise.race([loaded, impatient.promise]);
  } finally {
    cancel();
  }
}

/** As if it went on as fast as so far. */
export function retrySeconds(fraction: number, elapsedMs: number): number {
  if (fraction < LEAST_TELLING_FRACTION) return FIRST_RETRY_SECONDS;
  return Math.min(LONGEST_RETRY_SECONDS, Math.max(1, Math.ceil((elapsedMs * (1 - fraction)) / fraction / 1000)));
}

/** `loading 42 %: studio loads layers 0 to 12` */
export function progressText({ fraction, message }: LoadProgress): string {
  return `loading ${Math.floor(100 * Math.min(1, fraction))} %${message === '' ? '' : `: ${message}`}`;
}
