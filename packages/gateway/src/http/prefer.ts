import type { IncomingHttpHeaders } from 'node:http';

/** Waits longer than this are as good as no bound. */
const LONGEST_WAIT_SECONDS = 3600;

/**
 * How long the client waits for a model that has to be loaded first, by its `Prefer` header (RFC 7240): `wait=5` in seconds, `respond-async`
 * not at all. Undefined: as long as it takes. What else the header says, and what cannot be read, is no preference.
 */
export function patienceMs(headers: IncomingHttpHeaders): number | undefined {
  const given = headers['prefer'];
  const preferences = (Array.isArray(given) ? given.join(',') : (given ?? '')).split(',').map((each) => each.split(';')[0]?.trim());
  for (const preference of preferences) {
    const [, seconds] = /^wait\s*=\s*"?(\d{1,6})"?$/i.exec(preference ?? '') ?? [];
    if (seconds !== undefined) return 1000 * Math.min(Number(seconds), LONGEST_WAIT_SECONDS);
  }
  return preferences.some((preference) => preference?.toLowerCase() === 'respond-async') ? 0 : undefined;
}
