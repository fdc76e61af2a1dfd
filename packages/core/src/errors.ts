/** Options every error of the project takes besides its message. */
export interface PippaErrorOptions {
  readonly cause?: unknown;
  /** What the person who sees the error can do next, one sentence. */
  readonly hint?: string;
}

/**
 * Base of every error the project throws on purpose. `code` is stable and machine-readable; callers and tests match `name` or
 * `code`, never the text. `retryable` says whether the same call may succeed later without a change.
 */
export abstract class PippaError extends Error {
  abstract readonly code: string;
  readonly retryable: boolean = false;
  readonly hint: string | undefined;

  constructor(message: string, options: PippaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
  }
}

/** A value from outside (flag, file, request, frame) breaks its schema or bound. */
export class InvalidInputError extends PippaError {
  readonly code = 'invalid_input';
  /** Dotted path of the offending value, as the caller knows it. */
  readonly path: string | undefined;

  constructor(message: string, options: PippaErrorOptions & { readonly path?: string } = {}) {
    super(message, options);
    this.path = options.path;
  }
}

/** Something was asked of a part that has stopped. */
export class StoppedError extends PippaError {
  readonly code = 'stopped';
}

/** The message of anything thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
