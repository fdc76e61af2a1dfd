import type { PeerId } from '@pippa/core';

/** What measurements say about predictions. */
export interface Calibration {
  /** Measured stage time over the predicted one, by node. */
  readonly slowdown: ReadonlyMap<PeerId, number>;
}
