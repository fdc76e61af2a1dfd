import { PippaError } from '@pippa/core';

/** Neither a file nor a model that is known here has this name. */
export class NoSuchModelError extends PippaError {
  readonly code = 'no_such_model';
}

/** The model lies where another tool keeps it: it is used there, never changed. */
export class NotOwnModelError extends PippaError {
  readonly code = 'not_own_model';
}
