import { PippaError } from '@pippa/core';

/** The file does not begin like a GGUF file. */
export class NotGgufError extends PippaError {
  readonly code = 'not_gguf';
}

/** The file ends before its header says it does. */
export class TruncatedGgufError extends PippaError {
  readonly code = 'truncated_gguf';
}

/** The header contradicts itself or breaks a bound. */
export class CorruptGgufError extends PippaError {
  readonly code = 'corrupt_gguf';
}

/** A correct file that this version cannot use. */
export class UnsupportedGgufError extends PippaError {
  readonly code = 'unsupported_gguf';
}

/** A part of a split model is not beside the others. */
export class MissingSplitError extends PippaError {
  readonly code = 'missing_split';
}

/** A model must not be cut at this layer. */
export class CutNotAllowedError extends PippaError {
  readonly code = 'cut_not_allowed';
}

/** An architecture that is not on the table of those known to run right when cut. */
export class NotSplittableError extends PippaError {
  readonly code = 'not_splittable';
}
