import { UsageError } from '../errors.ts';

/** The value of a command's own option, at least 1 unless `least` says otherwise. Throws `UsageError`. */
export function wholeNumber(flag: string, text: string, { least = 1, most = Infinity }: Partial<Bounds> = {}): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  const range = most === Infinity ? `above ${least - 1}` : `from ${least} to ${most}`;
  throw new UsageError(`${flag}: "${text}" is not a whole number ${range}.`);
}

interface Bounds {
  readonly least: number;
  readonly most: number;
}
