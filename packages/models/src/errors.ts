import { PippaError } from '@pippa/core';

/** Neither a file nor a model that is known here has this name. */
export class NoSuchModelError extends PippaError {
  readonly code = 'no_such_model';
}

/** The model lies where another tool keeps it: it is used there, never changed. */
export class NotOwnModelError extends PippaError {
  readonly code = 'not_own_model';
}

/** No node that can be reached has what is needed of the model. */
export class ModelNotHereError extends PippaError {
  readonly code = 'model_not_here';
  override readonly retryable = true;
}

/** Bytes that do not have the hash of their piece. */
export class WrongPieceError extends PippaError {
  readonly code = 'wrong_piece';
}
