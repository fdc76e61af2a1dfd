import { PippaError, type PippaErrorOptions } from '@pippa/core';

/** The file does not begin like a GGUF file. */
export class NotGgufError extends PippaError {
  readonly code = 'not_gguf';

  constructor(message: string, options: PippaErrorOptions = {}) {
    super(message, { hint: 'Give the path of a .gguf file.', ...options });
  }
}

/** The file is not there or may not be read. */
export class UnreadableGgufError extends PippaError {
  readonly code = 'unreadable_gguf';

  constructor(message: string, options: PippaErrorOptions = {}) {
    super(message, { hint: 'Check the path and the rights of the file.', ...options });
  }
}

/** The file ends before its header says it does. */
export class TruncatedGgufError extends PippaError {
  readonly code = 'truncated_gguf';

  constructor(message: string, options: PippaErrorOptions = {}) {
    super(message, { hint: 'Download the file again: it is not complete.', ...options });
  }
}

/** The header contradicts itself or breaks a bound. */
export class CorruptGgufError extends PippaError {
  readonly code = 'corrupt_gguf';

  constructor(message: string, options: PippaErrorOptions = {}) {
    super(message, { hint: 'Download the file again, or convert the model again: its header is damaged.', ...options });
  }
}

/** A correct file that this version cannot use. */
export class UnsupportedGgufError extends PippaError {
  readonly code = 'unsupported_gguf';

  constructor(message: string, options: PippaErrorOptions = {}) {
    super(message, { hint: 'Use another file of the model, or update pippa-agent.', ...options });
  }
}

/** A part of a split model is not beside the others. */
export class MissingSplitError extends PippaError {
  readonly code = 'missing_split';

  constructor(message: string, options: PippaErrorOptions = {}) {
    super(message, {
      hint: 'All files of the model must lie in one folder, under the names they were published with.',
      ...options,
    });
  }
}

/** The disk has no room for a shard. */
export class DiskFullError extends PippaError {
  readonly code = 'disk_full';
  override readonly retryable = true;

  constructor(message: string, options: PippaErrorOptions = {}) {
    super(message, { hint: 'Free some space there, or choose another folder.', ...options });
  }
}

/** A model must not be cut at this layer. */
export class CutNotAllowedError extends PippaError {
  readonly code = 'cut_not_allowed';

  constructor(message: string, options: PippaErrorOptions = {}) {
    super(message, { hint: 'Choose one of the allowed boundaries, or run the model whole on one node.', ...options });
  }
}

/** An architecture that is not on the table of those known to run right when cut. */
export class NotSplittableError extends PippaError {
  readonly code = 'not_splittable';
}
