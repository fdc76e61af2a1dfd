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

/** All nodes that have the model have other bytes than those that were begun with: somebody's copy is damaged, or somebody lied. */
export class OtherCopyError extends PippaError {
  readonly code = 'other_copy';
  override readonly retryable = true;
}

/** All pieces are right by their table, but together they are not the model that was asked for. Nothing of it stays. */
export class WrongModelError extends PippaError {
  readonly code = 'wrong_model';
  override readonly retryable = true;
}

/** A file of this node is not what it was when it was pulled. It is not given to others. */
export class DamagedModelError extends PippaError {
  readonly code = 'damaged_model';
}

/** Bytes that do not have the hash of their piece. */
export class WrongPieceError extends PippaError {
  readonly code = 'wrong_piece';
}

/** What was asked for cannot be understood as a place to get a model from. */
export class BadReferenceError extends PippaError {
  readonly code = 'bad_reference';
}

/** The hub or registry has no such model, file or quantisation. */
export class NotOnHubError extends PippaError {
  readonly code = 'not_on_hub';
}

/** The hub wants to know who asks: no token, a wrong one, or terms that were not accepted. */
export class GatedModelError extends PippaError {
  readonly code = 'gated_model';
}

/** The server failed, was not reached, or broke off too often. What has come stays, and the next pull goes on with it. */
export class DownloadFailedError extends PippaError {
  readonly code: string = 'download_failed';
  override readonly retryable = true;
}

/** Another pull of the same file is under way. */
export class AlreadyPullingError extends PippaError {
  readonly code = 'already_pulling';
  override readonly retryable = true;
}

/** All bytes came, but they are not those that the hub promised. Nothing of them stays. */
export class WrongHashError extends PippaError {
  readonly code = 'wrong_hash';
  override readonly retryable = true;
}

/** The disk has less room than the download needs. */
export class NotEnoughDiskError extends PippaError {
  readonly code = 'not_enough_disk';
  override readonly retryable = true;
}
