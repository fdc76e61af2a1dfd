import { printable } from './printable.ts';
import type { Paint } from './terminal.ts';

const LEVELS: Readonly<Record<number, { readonly name: string; readonly style: 'gray' | 'cyan' | 'yellow' | 'red' }>> = {
  20: { name: 'debug', style: 'gray' },
  30: { name: 'info', style: 'cyan' },
  40: { name: 'warn', style: 'yellow' },
  50: { name: 'error', style: 'red' },
};

/** Identifiers tell programs which ring or peer it was; a person has the names beside them. */
const IDENTIFIER = /^(?:[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}|[\da-f]{64}|12D3KooW\w{44})$/;

interface Failure {
  readonly message: string;
  readonly hint: string | undefined;
  readonly stack: string | undefined;
}

/**
 * An entry of the log for a person: when, how bad, what happened, why, and what to do about it, in one line. `isDebugging`: all its fields,
 * and the stack of an error on lines of its own.
 */
export function readableLine(
  entry: Readonly<Record<string, unknown>>,
  { paint, isDebugging }: { readonly paint: Paint; readonly isDebugging: boolean },
): string {
  const { time, level, msg, scope, err, error, hint, ...rest } = entry;
  const about = LEVELS[Number(level)] ?? { name: 'fatal', style: 'red' as const };
  const failure = failureOf(err ?? error);
  const advice = hint ?? failure?.hint;
  const what = [String(msg), ...(failure === undefined ? [] : [failure.message])]
    .map((text) => text.replace(/[.:]$/, ''))
    .join(': ');
  const fields = Object.entries(rest).filter(([, value]) => isDebugging || isForPeople(value));
  const line = [
    paint('gray', String(time).slice(11, isDebugging ? 23 : 19)),
    paint(about.style, about.name.padEnd(5)),
    ...(isDebugging && typeof scope === 'string' ? [paint('gray', scope)] : []),
    printable(typeof advice === 'string' ? `${what}. ${advice}` : what),
    ...(fields.length === 0 ? [] : [paint('gray', printable(fields.map(([key, value]) => `${key}=${textOf(value)}`).join(' ')))]),
  ].join(' ');
  if (!isDebugging || failure?.stack === undefined) return line;
  return [line, ...failure.stack.split('\n').map((each) => paint('gray', `    ${printable(each.trim())}`))].join('\n');
}

function failureOf(value: unknown): Failure | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object') return { message: textOf(value), hint: undefined, stack: undefined };
  const { message, hint, stack } = value as Readonly<Record<string, unknown>>;
  return {
    // With those of its causes behind it.
    message: typeof message === 'string' ? message.replaceAll('.: ', ': ') : JSON.stringify(value),
    hint: typeof hint === 'string' ? hint : undefined,
    stack: typeof stack === 'string' ? stack : undefined,
  };
}

function isForPeople(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value) && !IDENTIFIER.test(String(value));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
}
