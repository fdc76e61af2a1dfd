import type { GrammarBuilder } from './grammar-builder.ts';
import type { TextBody } from './pattern-rules.ts';

const HEX = '[0-9a-fA-F]';
const YEAR = '[0-9]{4}';
/** Days that every such month has: no calendar arithmetic in a grammar, so 29 February is left out. */
const MONTH_DAY =
  '(("01" | "03" | "05" | "07" | "08" | "10" | "12") "-" ("0" [1-9] | [1-2] [0-9] | "3" [0-1])' +
  ' | ("04" | "06" | "09" | "11") "-" ("0" [1-9] | [1-2] [0-9] | "30") | "02-" ("0" [1-9] | "1" [0-9] | "2" [0-8]))';
const CLOCK = '("0" [0-9] | "1" [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})?';
const OFFSET = '("Z" | [-+] ("0" [0-9] | "1" [0-9] | "2" [0-3]) ":" [0-5] [0-9])';
const LABEL = '[a-z0-9] ([a-z0-9-]{0,20} [a-z0-9])?';
const BYTE = '("25" [0-5] | "2" [0-4] [0-9] | "1" [0-9] [0-9] | [1-9]? [0-9])';

type FormatMaker = (builder: GrammarBuilder) => TextBody;

const host = (builder: GrammarBuilder): string => {
  const label = builder.add('label', LABEL);
  return builder.add('host', `${label} ("." ${label}){0,4}`);
};

const FORMATS = new Map<string, FormatMaker>([
  ['date', () => ({ body: `${YEAR} "-" ${MONTH_DAY}`, minLength: 10, maxLength: 10 })],
  ['time', () => ({ body: `${CLOCK} ${OFFSET}`, minLength: 9, maxLength: 21 })],
  ['date-time', () => ({ body: `${YEAR} "-" ${MONTH_DAY} "T" ${CLOCK} ${OFFSET}`, minLength: 20, maxLength: 32 })],
  [
    'duration',
    () => ({
      body: '"P" ([0-9]{1,4} "D" ("T" [0-9]{1,4} "H")? | "T" [0-9]{1,4} [HMS] | [0-9]{1,4} [YMW])',
      minLength: 3,
      maxLength: 12,
    }),
  ],
  ['uuid', () => ({ body: `${HEX}{8} "-" ${HEX}{4} "-" ${HEX}{4} "-" ${HEX}{4} "-" ${HEX}{12}`, minLength: 36, maxLength: 36 })],
  [
    'email',
    (builder) => {
      const label = builder.add('label', LABEL);
      return {
        body: `[a-z0-9] [a-z0-9_+-]{0,30} ("." [a-z0-9_+-]{1,20}){0,2} "@" ${label} ("." ${label}){1,4}`,
        minLength: 5,
        maxLength: 190,
      };
    },
  ],
  ['hostname', (builder) => ({ body: host(builder), minLength: 1, maxLength: 114 })],
  [
    'ipv4',
    (builder) => {
      const byte = builder.add('byte', BYTE);
      return { body: `${byte} "." ${byte} "." ${byte} "." ${byte}`, minLength: 7, maxLength: 15 };
    },
  ],
  ['ipv6', () => ({ body: `${HEX}{1,4} (":" ${HEX}{1,4}){7}`, minLength: 15, maxLength: 39 })],
  [
    'uri',
    (builder) => ({
      body: `("http" "s"? | "ftp") "://" ${host(builder)} (":" [1-9] [0-9]{0,3})? ("/" [a-zA-Z0-9._~-]{0,40}){0,8} ("?" [a-zA-Z0-9._~=&-]{0,80})? ("#" [a-zA-Z0-9._~-]{0,40})?`,
      minLength: 7,
      maxLength: 700,
    }),
  ],
]);

/** Formats of OpenAPI that say how a value is shown or sized and constrain no text. */
export const ANNOTATING_FORMATS = new Set(['password', 'int32', 'int64', 'float', 'double']);

export const SUPPORTED_FORMATS: readonly string[] = [...FORMATS.keys()];

/** The inside of a JSON text of this format; undefined for formats that are not known. Some valid texts are left out, no invalid ones in. */
export function formatBody(builder: GrammarBuilder, format: string): TextBody | undefined {
  return FORMATS.get(format)?.(builder);
}
