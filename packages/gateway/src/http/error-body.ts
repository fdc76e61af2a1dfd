import { InvalidInputError, ModelNotFoundError, OverloadedError, PippaError } from '@pippa/core';
import { InvalidRequestError, MethodNotAllowedError, ModelLoadingError, RateLimitError } from '../errors.ts';

/** The `error` object of OpenAI's API. */
export interface ErrorObject {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}

/** An error as it goes out over HTTP. */
export interface DescribedError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly error: ErrorObject;
}

const INVALID_REQUEST = 'invalid_request_error';
const SERVER_ERROR = 'server_error';

/** Status and OpenAI type by `PippaError.code`; a code that is not here is a server error, which passes if the error is retryable. */
const STATUS_BY_CODE: Readonly<Record<string, readonly [status: number, type: string]>> = {
  invalid_request: [400, INVALID_REQUEST],
  invalid_input: [400, INVALID_REQUEST],
  context_length_exceeded: [400, INVALID_REQUEST],
  template_failed: [400, INVALID_REQUEST],
  invalid_grammar: [400, INVALID_REQUEST],
  unsupported_schema: [400, INVALID_REQUEST],
  invalid_api_key: [401, 'authentication_error'],
  insufficient_scope: [403, 'permission_error'],
  forbidden_host: [403, 'permission_error'],
  forbidden_origin: [403, 'permission_error'],
  unknown_url: [404, INVALID_REQUEST],
  model_not_found: [404, INVALID_REQUEST],
  response_not_found: [404, INVALID_REQUEST],
  operation_not_found: [404, INVALID_REQUEST],
  trace_not_found: [404, INVALID_REQUEST],
  method_not_allowed: [405, INVALID_REQUEST],
  request_timeout: [408, INVALID_REQUEST],
  body_too_large: [413, INVALID_REQUEST],
  unsupported_media_type: [415, INVALID_REQUEST],
  rate_limit_exceeded: [429, 'rate_limit_error'],
  headers_too_large: [431, INVALID_REQUEST],
  // Nobody reads this one; the access log shows it.
  client_gone: [499, INVALID_REQUEST],
  stage_failed: [500, SERVER_ERROR],
  pull_failed: [502, SERVER_ERROR],
  // Vectors by a model that would have to be loaded once more.
  out_of_memory: [503, SERVER_ERROR],
  overloaded: [503, 'overloaded_error'],
  model_loading: [503, 'overloaded_error'],
  stopped: [503, SERVER_ERROR],
};

const UNAVAILABLE = [503, SERVER_ERROR] as const;
const RETRY_AFTER_STOP_SECONDS = 5;

/**
 * Maps anything thrown to OpenAI's error shape.
 * @param promptParam the field that holds the prompt, named when the prompt is too long
 */
export function describeError(error: unknown, promptParam?: string): DescribedError {
  const known =
    error instanceof PippaError ? (STATUS_BY_CODE[error.code] ?? (error.retryable ? UNAVAILABLE : undefined)) : undefined;
  if (!(error instanceof PippaError) || known === undefined) {
    // The text of an unexpected error may hold paths or prompts: the log has it, the client does not.
    const message = 'The server failed while it worked on the request. The log of the agent says why, under this request id.';
    return { status: 500, headers: {}, error: { message, type: SERVER_ERROR, param: null, code: 'internal_error' } };
  }
  const [status, type] = known;
  const message = error.hint === undefined ? error.message : `${error.message} ${error.hint}`;
  return {
    status,
    headers: errorHeaders(error),
    error: {
      message,
      type,
      param: errorParam(error, promptParam),
      code: error instanceof InvalidRequestError ? error.reason : error.code,
    },
  };
}

function errorHeaders(error: PippaError): Record<string, string> {
  if (error instanceof OverloadedError || error instanceof RateLimitError || error instanceof ModelLoadingError) {
    const seconds = Math.max(0, error.retryAfterSeconds);
    // HTTP knows whole seconds only; OpenAI's clients read the milliseconds.
    return { 'retry-after': String(Math.max(1, Math.ceil(seconds))), 'retry-after-ms': String(Math.ceil(seconds * 1000)) };
  }
  if (error instanceof MethodNotAllowedError) return { allow: error.allowed.join(', ') };
  if (error.code === 'stopped' || STATUS_BY_CODE[error.code] === undefined)
    return { 'retry-after': String(RETRY_AFTER_STOP_SECONDS) };
  if (error.code === 'invalid_api_key') return { 'www-authenticate': 'Bearer' };
  return {};
}

/** A schema's error names the place in it; its class is of a package that this one does not know. */
const pathOf = (error: PippaError): string | null => ('path' in error && typeof error.path === 'string' ? error.path : null);

function errorParam(error: PippaError, promptParam: string | undefined): string | null {
  if (error instanceof InvalidRequestError) return error.param ?? null;
  if (error instanceof InvalidInputError) return error.path ?? null;
  if (error.code === 'unsupported_schema') return pathOf(error);
  if (error instanceof ModelNotFoundError) return 'model';
  if (error.code === 'context_length_exceeded') return promptParam ?? null;
  return null;
}
