import { InvalidRequestError, UnsupportedMediaTypeError } from '../errors.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import { readBody } from '../http/body.ts';
import type { GatewayContext } from '../http/environment.ts';
import { decodeUtf8, isJsonType, readJsonObject } from '../http/json-body.ts';
import { validateBody } from '../openai/validate.ts';
import { textQuery, textRequest, type TextQuery } from './schemas.ts';

const MAX_QUERY_ENTRIES = 64;
const SETTINGS = new Set(Object.keys(textQuery.shape));
const EVENT_STREAM_TYPE = 'text/event-stream';

/** What a request asks for, however it said so. */
export interface TextAsked {
  readonly inputs: readonly string[];
  /** Several texts were sent, as a list. */
  readonly isBatch: boolean;
  readonly variables: Readonly<Record<string, string>>;
  readonly settings: TextQuery;
  /** `text`: as it is; `json`: one object, or events. */
  readonly answer: 'text' | 'json';
}

/** Plain text or JSON in, plain text or JSON out. Throws errors with the right status. */
export async function readTextRequest(context: GatewayContext, parts: GatewayParts): Promise<TextAsked> {
  const { exchange } = context.env;
  const { headers } = exchange.incoming;
  const { settings, variables } = readQuery(context);
  const accept = headers.accept ?? '';
  if (isJsonType(headers['content-type'])) {
    const body = validateBody(textRequest, await readJsonObject(exchange, parts.limits, parts.counters));
    const { input, variables: more = {}, ...own } = body;
    return {
      inputs: nonEmpty(typeof input === 'string' ? [input] : input),
      isBatch: typeof input !== 'string',
      variables: { ...variables, ...more },
      settings: { ...settings, ...own },
      answer: accept.startsWith('text/plain') && typeof input === 'string' ? 'text' : 'json',
    };
  }
  checkTextType(headers['content-type']);
  const text = decodeUtf8(await readBody(exchange, parts.limits, parts.counters));
  const wantsEvents = accept.includes(EVENT_STREAM_TYPE);
  return {
    inputs: nonEmpty([text]),
    isBatch: false,
    variables,
    settings: wantsEvents ? { ...settings, stream: true } : settings,
    answer: wantsEvents || accept.includes('application/json') ? 'json' : 'text',
  };
}

function readQuery(context: GatewayContext): { readonly settings: TextQuery; readonly variables: Record<string, string> } {
  const entries = Object.entries(context.req.query());
  if (entries.length > MAX_QUERY_ENTRIES) {
    throw new InvalidRequestError(`The query has more than ${MAX_QUERY_ENTRIES} entries.`, { reason: 'invalid_url' });
  }
  const settings = entries.filter(([name]) => SETTINGS.has(name)).map(([name, value]) => [name, typed(name, value)] as const);
  return {
    settings: validateBody(textQuery, Object.fromEntries(settings)),
    variables: Object.fromEntries(entries.filter(([name]) => !SETTINGS.has(name))),
  };
}

/** Queries are text; what is not of its type stays as it is, and is refused by the schema. */
function typed(name: string, value: string): unknown {
  if (name === 'model') return value;
  if (name === 'stream')
    return value === '' || value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value;
  return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
}

function nonEmpty(inputs: readonly string[]): readonly string[] {
  const empty = inputs.findIndex((input) => input.trim() === '');
  if (empty === -1) return inputs;
  throw new InvalidRequestError('There is no text to work on.', {
    param: inputs.length === 1 ? 'input' : `input[${empty}]`,
    reason: 'empty_body',
  });
}

/** Text of any kind, and what curl and others say when they are told nothing. */
function checkTextType(contentType: string | undefined): void {
  const type = (contentType ?? 'text/plain').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type.startsWith('text/') || type === 'application/x-www-form-urlencoded' || type === 'application/octet-stream') return;
  throw new UnsupportedMediaTypeError(
    `The content-type ${JSON.stringify(type.slice(0, 100))} is not read here. Send text/plain or application/json.`,
  );
}
