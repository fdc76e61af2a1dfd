import { digit, joined, literal } from './gbnf.ts';
import { INTEGER_BODY } from './json-rules.ts';

/** An end of a range of numbers. */
export interface Bound {
  readonly value: number;
  readonly exclusive: boolean;
}

/** Digits of an unbounded whole number: any reader keeps fifteen apart. */
const MAX_WHOLE_DIGITS = 15;
/** Fraction digits where a bound has fewer. */
const FRACTION_DIGITS = 6;

/** Body for whole numbers in the range; undefined when there are none. Ends beyond 2^53 are out of what JSON readers tell apart. */
export function integerBody(minimum: Bound | undefined, maximum: Bound | undefined): string | undefined {
  const low = minimum === undefined ? undefined : minimum.exclusive ? Math.floor(minimum.value) + 1 : Math.ceil(minimum.value);
  const high = maximum === undefined ? undefined : maximum.exclusive ? Math.ceil(maximum.value) - 1 : Math.floor(maximum.value);
  if (low !== undefined && high !== undefined && low > high) return undefined;
  if ((low ?? 0) > Number.MAX_SAFE_INTEGER || (high ?? 0) < Number.MIN_SAFE_INTEGER) return undefined;
  if (isOpen(low, -1) && isOpen(high, 1)) return INTEGER_BODY;
  const parts: string[] = [];
  if (low === undefined || low < 0) {
    const least = high !== undefined && high < 0 ? -high : 1;
    parts.push(`"-" (${wholeBody(least, isOpen(low, -1) ? undefined : -(low as number))})`);
  }
  if (high === undefined || high >= 0) parts.push(wholeBody(Math.max(0, low ?? 0), isOpen(high, 1) ? undefined : high));
  return parts.join(' | ');
}

/** Body for decimal numbers in the range, without exponents; undefined when there are none that can be written. */
export function decimalBody(minimum: Bound | undefined, maximum: Bound | undefined): string | undefined {
  const parts: string[] = [];
  const low = minimum === undefined || minimum.value <= -(10 ** MAX_WHOLE_DIGITS) ? undefined : minimum;
  const high = maximum === undefined || maximum.value >= 10 ** MAX_WHOLE_DIGITS ? undefined : maximum;
  if (low === undefined || low.value < 0) {
    const least = high !== undefined && high.value < 0 ? negated(high) : { value: 0, exclusive: true };
    const body = magnitudeBody(least, low === undefined ? undefined : negated(low));
    if (body !== undefined) parts.push(`"-" (${body})`);
  }
  if (high === undefined || high.value > 0 || (high.value === 0 && !high.exclusive)) {
    const body = magnitudeBody(low === undefined || low.value < 0 ? { value: 0, exclusive: false } : low, high);
    if (body !== undefined) parts.push(body);
  }
  return parts.length === 0 ? undefined : parts.join(' | ');
}

/** Whether a bound is so far out that digits are the limit. */
function isOpen(bound: number | undefined, sign: 1 | -1): boolean {
  return bound === undefined || bound * sign > Number.MAX_SAFE_INTEGER;
}

const negated = ({ value, exclusive }: Bound): Bound => ({ value: -value, exclusive });

/** Whole numbers from `low` (not negative) to `high`. */
function wholeBody(low: number, high: number | undefined): string {
  const parts: string[] = [];
  const longest = high === undefined ? Math.max(MAX_WHOLE_DIGITS, digitsOf(low).length) : digitsOf(high).length;
  for (let length = digitsOf(low).length; length <= longest; length += 1) {
    const least = length === 1 ? '0' : `1${'0'.repeat(length - 1)}`;
    const most = '9'.repeat(length);
    const from = length === digitsOf(low).length ? digitsOf(low) : least;
    const to = high !== undefined && length === longest ? digitsOf(high) : most;
    if (high === undefined && from === least && length > 1) {
      parts.push(`[1-9] [0-9]{${length - 1},${longest - 1}}`);
      break;
    }
    parts.push(sameLength(from, to));
  }
  return parts.join(' | ');
}

const digitsOf = (value: number): string => BigInt(value).toString();

/** Texts of digits between two of the same length. */
function sameLength(low: string, high: string): string {
  if (low === '') return '';
  const [first, last] = [Number(low[0]), Number(high[0])];
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  const rest = lowRest.length;
  if (/^0*$/.test(lowRest) && /^9*$/.test(highRest)) return joined(digit(first, last), anyDigits(rest));
  if (first === last) return joined(digit(first, first), group(sameLength(lowRest, highRest)));
  const parts = [joined(digit(first, first), group(sameLength(lowRest, '9'.repeat(rest))))];
  if (last - first > 1) parts.push(joined(digit(first + 1, last - 1), anyDigits(rest)));
  parts.push(joined(digit(last, last), group(sameLength('0'.repeat(rest), highRest))));
  return parts.join(' | ');
}

const anyDigits = (count: number): string => (count === 0 ? '' : count === 1 ? '[0-9]' : `[0-9]{${count}}`);
const group = (body: string): string => (body.includes('|') ? `(${body})` : body);

const ANY_FRACTION = `("." [0-9]{1,${FRACTION_DIGITS}})?`;

/** Decimals from `low` (not negative) to `high`. */
function magnitudeBody(low: Bound, high: Bound | undefined): string | undefined {
  const from = decimalParts(low.value);
  const to = high === undefined ? undefined : decimalParts(high.value);
  if (from === undefined || (high !== undefined && to === undefined)) return undefined;
  if (high !== undefined && (low.value > high.value || (low.value === high.value && (low.exclusive || high.exclusive))))
    return undefined;
  const parts: (string | undefined)[] = [];
  if (to !== undefined && to.whole === from.whole) {
    parts.push(withWhole(from.whole, fractionBetween(from.fraction, low.exclusive, to.fraction, high?.exclusive ?? false)));
  } else {
    parts.push(withWhole(from.whole, fractionFrom(from.fraction, low.exclusive)));
    const next = from.whole + 1;
    if (to === undefined) parts.push(joined(`(${wholeBody(next, undefined)})`, ANY_FRACTION));
    else if (next < to.whole) parts.push(joined(`(${wholeBody(next, to.whole - 1)})`, ANY_FRACTION));
    if (to !== undefined) parts.push(withWhole(to.whole, fractionUpTo(to.fraction, high?.exclusive ?? false)));
  }
  const written = parts.filter((part) => part !== undefined);
  return written.length === 0 ? undefined : written.join(' | ');
}

function decimalParts(value: number): { readonly whole: number; readonly fraction: string } | undefined {
  const text = String(value);
  // Exponents mean a bound so small or large that no digits written here would tell it apart.
  if (!/^\d+(\.\d+)?$/.test(text)) return undefined;
  const [whole = '0', fraction = ''] = text.split('.');
  return { whole: Number(whole), fraction };
}

/** `fraction`: what may follow the whole part, or undefined for nothing at all. */
function withWhole(whole: number, fraction: string | undefined): string | undefined {
  return fraction === undefined ? undefined : joined(literal(String(whole)), group(fraction));
}

const moreDigits = `[0-9]{0,${FRACTION_DIGITS}}`;
const positiveDigits = `[0-9]{0,${FRACTION_DIGITS - 1}} [1-9]`;

/** Fractions of at least `digits`, with their point; nothing when a bare whole number is enough. */
function fractionFrom(digits: string, exclusive: boolean): string {
  if (digits === '') return exclusive ? `"." ${positiveDigits}` : ANY_FRACTION;
  return `"." (${digitsFrom(digits, exclusive)})`;
}

function digitsFrom(digits: string, exclusive: boolean): string {
  if (digits === '') return exclusive ? positiveDigits : moreDigits;
  const first = Number(digits[0]);
  const exact = joined(digit(first, first), group(digitsFrom(digits.slice(1), exclusive)));
  return first === 9 ? exact : `${joined(digit(first + 1, 9), moreDigits)} | ${exact}`;
}

/** Fractions of at most `digits`; a bare whole number is less than any of them. */
function fractionUpTo(digits: string, exclusive: boolean): string | undefined {
  if (digits === '') return exclusive ? undefined : '';
  const body = digitsUpTo(digits, exclusive);
  return body === undefined ? '' : `("." (${body}))?`;
}

function digitsUpTo(digits: string, exclusive: boolean): string | undefined {
  const first = Number(digits[0]);
  const rest = digits.slice(1);
  const parts: string[] = [];
  if (first > 0) parts.push(joined(digit(0, first - 1), moreDigits));
  if (rest !== '') {
    // Ending here is less than going on with what is left.
    const more = digitsUpTo(rest, exclusive);
    parts.push(more === undefined ? digit(first, first) : joined(digit(first, first), `(${more})?`));
  } else if (!exclusive) {
    parts.push(digit(first, first));
  }
  return parts.length === 0 ? undefined : parts.join(' | ');
}

/** Fractions between two of one whole part. */
function fractionBetween(low: string, lowExclusive: boolean, high: string, highExclusive: boolean): string | undefined {
  const bare = low === '' && !lowExclusive;
  const body = digitsBetween(low, lowExclusive, high, highExclusive);
  if (body === undefined) return bare ? '' : undefined;
  return bare ? `("." (${body}))?` : `"." (${body})`;
}

function digitsBetween(low: string, lowExclusive: boolean, high: string, highExclusive: boolean): string | undefined {
  if (high === '') return undefined;
  const [first, last] = [Number(low[0] ?? '0'), Number(high[0])];
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  if (first === last) {
    const more = digitsBetween(lowRest, lowExclusive, highRest, highExclusive);
    const mayEnd = lowRest === '' && (highRest === '' ? !lowExclusive && !highExclusive : !lowExclusive);
    if (more === undefined) return mayEnd ? digit(first, first) : undefined;
    return joined(digit(first, first), mayEnd ? `(${more})?` : group(more));
  }
  const parts = [joined(digit(first, first), group(digitsFrom(lowRest, lowExclusive)))];
  if (last - first > 1) parts.push(joined(digit(first + 1, last - 1), moreDigits));
  if (highRest !== '') {
    const more = digitsUpTo(highRest, highExclusive);
    parts.push(more === undefined ? digit(last, last) : joined(digit(last, last), `(${more})?`));
  } else if (!highExclusive) {
    parts.push(digit(last, last));
  }
  return parts.join(' | ');
}
