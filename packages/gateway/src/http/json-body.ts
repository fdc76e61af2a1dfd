import type { GatewayCounters } from '../counters.ts';
import { InvalidRequestError, UnsupportedMediaTypeError } from '../errors.ts';
import type { GatewayLimits } from '../limits.ts';
import { readBody } from './body.ts';
import type { Exchange } from './exchange.ts';
import { checkJsonShape } from './json-shape.ts';

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json$/;
/** What `curl -d` sends unless told otherwise; the examples of local servers rely on it. Browsers' forms are stopped by their origin. */
const CURL_DEFAULT_TYPE = 'application/x-www-form-urlencoded';

/** Reads the body as one JSON object. Throws an error with the right status for anything else. */
export async function readJsonObject(
  exchange: Exchange,
  limits: GatewayLimits,
  counters: GatewayCounters,
): Promise<Record<string, unknown>> {
  checkMediaType(exchange.incoming.headers['content-type'], exchange.incoming.headers['content-encoding']);
  const bytes = await readBody(exchange, limits, counters);
  if (bytes.length === 0) {
    throw new InvalidRequestError('The request has no body. Send a JSON object.', { reason: 'empty_body' });
  }
  checkJsonShape(bytes, limits);
  const value = parseJson(decodeUtf8(bytes));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidRequestError('The body is JSON, but not an object. Send an object with the parameters.', {
      reason: 'invalid_type',
    });
  }
  return value as Record<string, unknown>;
}

/** Says that the body is JSON. */
export function isJsonType(contentType: string | undefined): boolean {
  return contentType !== undefined && JSON_TYPE.test((contentType.split(';')[0] ?? '').trim().toLowerCase());
}

function checkMediaType(contentType: string | undefined, contentEncoding: string | undefined): void {
  if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity') {
    throw new UnsupportedMediaTypeError(
      `Bodies with content-encoding ${quote(contentEncoding)} are not read. Send the JSON as it is.`,
    );
  }
  if (contentType === undefined) return;
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  const mediaType = type.trim();
  if (!JSON_TYPE.test(mediaType) && mediaType !== CURL_DEFAULT_TYPE) {
    throw new UnsupportedMediaTypeError(`The content-type ${quote(mediaType)} is not read here. Send application/json.`);
  }
  for (const parameter of parameters) {
    const charset = /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(parameter)?.[1];
    if (charset === undefined || charset === 'utf-8' || charset === 'utf8' || charset === 'us-ascii') continue;
    throw new UnsupportedMediaTypeError(`The charset ${quote(charset)} is not read here. Send UTF-8.`);
  }
}

/** Throws an `InvalidRequestError` for bytes that are no text. */
export function decodeUtf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new InvalidRequestError('The body is not valid UTF-8.', { reason: 'invalid_utf8' });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : 'it cannot be parsed';
    throw new InvalidRequestError(`The body is not valid JSON: ${why}.`, { reason: 'invalid_json' });
  }
}

const quote = (text: string): string => JSON.stringify(text.slice(0, 100));
