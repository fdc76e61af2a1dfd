import { errorMessage, PippaError, type LoadProgress } from '@pippa/core';

/** 400: a field of the request breaks its schema or bound. `reason` is OpenAI's finer code. */
export class InvalidRequestError extends PippaError {
  readonly code = 'invalid_request';
  /** The field as OpenAI names it, such as `messages[0].content`. */
  readonly param: string | undefined;
  readonly reason: string;

  constructor(message: string, options: { readonly param?: string; readonly reason?: string; readonly hint?: string } = {}) {
    super(message, options.hint === undefined ? {} : { hint: options.hint });
    this.param = options.param;
    this.reason = options.reason ?? 'invalid_value';
  }
}

/** 503: the model is being loaded, and the client did not want to wait for it. */
export class ModelLoadingError extends PippaError {
  readonly code = 'model_loading';
  override readonly retryable = true;
  readonly retryAfterSeconds: number;

  constructor(name: string, progress: LoadProgress | undefined, retryAfterSeconds: number) {
    const soFar =
      progress === undefined
        ? ''
        : ` (${Math.floor(100 * progress.fraction)} %${progress.message === '' ? '' : `: ${progress.message}`})`;
    super(`The model "${name}" is being loaded${soFar}. Ask again in about ${retryAfterSeconds} s.`);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** 401: the API key is missing or wrong. */
export class InvalidApiKeyError extends PippaError {
  readonly code = 'invalid_api_key';
}

/** 403: the key may not do that. */
export class InsufficientScopeError extends PippaError {
  readonly code = 'insufficient_scope';

  constructor(keyName: string) {
    super(`The key "${keyName}" may ask models, but not see or change the agent itself.`, {
      hint: 'Use a key made with: pippa-agent keys add <name> --scope admin',
    });
  }
}

/** 429: the key has sent all the requests it may for now. */
export class RateLimitError extends PippaError {
  readonly code = 'rate_limit_exceeded';
  override readonly retryable = true;
  readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds: number) {
    super(message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** 403: the request names a host that this address is not meant to be reached by. */
export class ForbiddenHostError extends PippaError {
  readonly code = 'forbidden_host';
}

/** 403: a web page of another origin sent the request. */
export class ForbiddenOriginError extends PippaError {
  readonly code = 'forbidden_origin';
}

/** 404: no such path. */
export class RouteNotFoundError extends PippaError {
  readonly code = 'unknown_url';
}

/** 404: no request of this id is remembered. */
export class TraceNotFoundError extends PippaError {
  readonly code = 'trace_not_found';

  constructor(id: string) {
    super(`No request with the id ${JSON.stringify(id.slice(0, 128))} is remembered.`, {
      hint: 'The id is in the x-request-id header of its answer; only the last few hundred requests are kept.',
    });
  }
}

/** 404: a stored response is not there, or no more. */
export class ResponseNotFoundError extends PippaError {
  readonly code = 'response_not_found';
}

/** 404: no such text operation, or its file cannot be used. */
export class OperationNotFoundError extends PippaError {
  readonly code = 'operation_not_found';

  constructor(message: string) {
    super(message, { hint: 'GET /v1/text lists them.' });
  }
}

/** 405: the path exists, for other methods. */
export class MethodNotAllowedError extends PippaError {
  readonly code = 'method_not_allowed';
  readonly allowed: readonly string[];

  constructor(method: string, path: string, allowed: readonly string[]) {
    super(`${method} is not allowed on ${path}. Use ${allowed.join(' or ')}.`);
    this.allowed = allowed;
  }
}

/** 408: the request did not arrive in time. */
export class RequestTimeoutError extends PippaError {
  readonly code = 'request_timeout';
  override readonly retryable = true;
}

/** 413: the body is over the limit. */
export class BodyTooLargeError extends PippaError {
  readonly code = 'body_too_large';
}

/** 415: the body is of a type that is not read here. */
export class UnsupportedMediaTypeError extends PippaError {
  readonly code = 'unsupported_media_type';
}

/** 431: the request line and headers are over the limit. */
export class HeadersTooLargeError extends PippaError {
  readonly code = 'headers_too_large';
}

/** The client closed the connection, or left its stream unread for too long; nobody is left to tell. */
export class ClientGoneError extends PippaError {
  readonly code = 'client_gone';
}

/** 502: a model could not be fetched; the cause says why. */
export class PullFailedError extends PippaError {
  readonly code = 'pull_failed';
}

/** Another program listens on the port. */
export class PortInUseError extends PippaError {
  readonly code = 'port_in_use';
  readonly port: number;

  constructor(host: string, port: number, cause: unknown) {
    super(`Port ${port} on ${host} is in use by another program.`, {
      cause,
      hint: `Stop that program, or choose another port with --port (for example --port ${port < 65_526 ? port + 10 : 8080}).`,
    });
    this.port = port;
  }
}

/** The address cannot be listened on for another reason. */
export class ListenError extends PippaError {
  readonly code = 'listen_failed';
}

/** The TLS files are no certificate and its private key. */
export class TlsError extends PippaError {
  readonly code = 'tls_failed';

  constructor(cause: unknown) {
    super(`The certificate and key for TLS cannot be used: ${errorMessage(cause)}.`, {
      cause,
      hint: 'Both files must be PEM texts, and the key (without a password) must belong to the certificate.',
    });
  }
}

/** The API would be open to the network without a key. */
export class ApiKeyRequiredError extends PippaError {
  readonly code = 'api_key_required';

  constructor(host: string) {
    super(`Listening on ${host} opens the API to the network, and no API key is set.`, {
      hint: 'Make one with `pippa-agent keys add <name>`, set one with --api-key, or listen on localhost only.',
    });
  }
}
