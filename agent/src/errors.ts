import { errorMessage, formatBytes, PippaError, type PippaErrorOptions } from '@pippa/core';

/** A command, flag, environment variable or configuration entry that makes no sense. The process exits with 2. */
export class UsageError extends PippaError {
  readonly code = 'usage';
}

/** Neither a file nor a model in the library has this name. */
export class NoSuchModelError extends PippaError {
  readonly code = 'no_such_model';
}

/** The model does not fit this machine with the settings asked for. */
export class ModelTooLargeError extends PippaError {
  readonly code = 'model_too_large';
  readonly neededBytes: number;
  readonly availableBytes: number;

  constructor(name: string, neededBytes: number, availableBytes: number, hint: string) {
    super(
      `${name} needs ${formatBytes(neededBytes)} of memory (weights, context and working space), but this machine has ${formatBytes(availableBytes)} for models.`,
      { hint },
    );
    this.neededBytes = neededBytes;
    this.availableBytes = availableBytes;
  }
}

/** The agent at the configured address answered with an error, or not at all. */
export class RemoteAgentError extends PippaError {
  /** The agent's own code where it gave one, such as `context_length_exceeded`. */
  readonly code: string;

  constructor(message: string, options: PippaErrorOptions & { readonly code?: string | undefined } = {}) {
    super(message, options);
    this.code = options.code ?? 'remote_agent';
  }
}

/** Ctrl-C or SIGTERM while something was under way. The process exits with 130. */
export class InterruptedError extends PippaError {
  readonly code = 'interrupted';
}

/** The file is there, but no model can be made of it; `cause` says why. */
export class UnusableModelError extends PippaError {
  readonly code = 'unusable_model';

  constructor(path: string, cause: unknown) {
    const hint = cause instanceof PippaError ? cause.hint : undefined;
    super(`The model ${path} cannot be used: ${errorMessage(cause)}`, hint === undefined ? { cause } : { cause, hint });
  }
}

/** The model cannot be cut into as many stages as asked for. */
export class TooManyStagesError extends PippaError {
  readonly code = 'too_many_stages';
}
