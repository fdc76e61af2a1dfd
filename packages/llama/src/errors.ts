import { PippaError } from '@pippa/core';

/** No prebuilt library for this platform is installed, or it is not the pinned release. */
export class LibraryError extends PippaError {
  readonly code = 'engine_library';
}

/** The engine could not load a model or make a context for it. */
export class ModelLoadError extends PippaError {
  readonly code = 'model_load_failed';
}

/** The model and its context need more memory than there is. */
export class OutOfMemoryError extends PippaError {
  readonly code = 'out_of_memory';
  readonly neededBytes: number;
  readonly availableBytes: number;

  constructor(message: string, neededBytes: number, availableBytes: number, hint?: string) {
    super(message, hint === undefined ? {} : { hint });
    this.neededBytes = neededBytes;
    this.availableBytes = availableBytes;
  }
}

/** A step could not be decoded: an engine failure or a step that breaks the stage's bounds. */
export class DecodeError extends PippaError {
  readonly code = 'decode_failed';
}

/** Loading was cancelled by its signal. */
export class LoadCancelledError extends PippaError {
  readonly code = 'load_cancelled';
}

/** The saved state of a slot is not one of this stage: another model, layer range or cache type, or no room for it. */
export class SlotStateError extends PippaError {
  readonly code = 'slot_state';
}
