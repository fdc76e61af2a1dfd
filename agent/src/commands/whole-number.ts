import { UsageError } from '../errors.ts';

/** The value of a command's own option. Throws `UsageError`. */
export function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value > 0) return value;
  throw new UsageError(`${flag}: "${text}" is not a whole number above 0.`);
}
