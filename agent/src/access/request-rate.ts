import type { RequestRate } from '@pippa/gateway';
import { UsageError } from '../errors.ts';

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3600, d: 86_400 };
const MAX_COUNT = 1_000_000;

/** `60/min` and the like; without a unit it is a minute. Throws `UsageError`. */
export function parseRate(text: string): RequestRate {
  const match = /^(\d{1,7})(?:\/(s|min|h|d))?$/.exec(text);
  const count = Number(match?.[1]);
  const perSeconds = UNIT_SECONDS[match?.[2] ?? 'min'];
  if (match !== null && perSeconds !== undefined && count >= 1 && count <= MAX_COUNT) return { count, perSeconds };
  throw new UsageError(`--rate: "${text}" is not a number of requests such as 10/s, 60/min, 500/h or 2000/d.`);
}

export function formatRate({ count, perSeconds }: RequestRate): string {
  const unit = Object.entries(UNIT_SECONDS).find(([, seconds]) => seconds === perSeconds)?.[0];
  return `${count}/${unit ?? `${perSeconds} s`}`;
}

/** Throws `UsageError`. */
export function parseConcurrency(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError(`--concurrency: "${text}" is not a number of requests that may run at once.`);
}
