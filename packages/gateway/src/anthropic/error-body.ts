import type { ErrorAnswer } from '../http/error-answer.ts';
import type { DescribedError, ErrorObject } from '../http/error-body.ts';

/** Anthropic's own status for "come back later"; its clients and theirs know it by that. */
const STATUS_OVERLOADED = 529;
const STATUS_UNAVAILABLE = 503;
const FIRST_SERVER_ERROR = 500;

/** Types by status; other client errors are invalid requests, other server errors the API's. */
const TYPE_BY_STATUS: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  [STATUS_OVERLOADED]: 'overloaded_error',
};

/** An error in the shape of Anthropic's API. */
export function anthropicError({ status: plain, headers, error }: DescribedError, requestId: string): ErrorAnswer {
  const status = plain === STATUS_UNAVAILABLE ? STATUS_OVERLOADED : plain;
  const type = TYPE_BY_STATUS[status] ?? (status >= FIRST_SERVER_ERROR ? 'api_error' : 'invalid_request_error');
  return {
    status,
    headers: { ...headers, 'request-id': requestId },
    body: { type: 'error', error: { type, message: messageOf(error) }, request_id: requestId },
  };
}

/** Agents shorten their history when they find these words. */
const messageOf = ({ code, message }: ErrorObject): string =>
  code === 'context_length_exceeded' ? `prompt is too long: ${message}` : message;
