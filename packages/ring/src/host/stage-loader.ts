import type { StageRunner } from '@pippa/core';
import type { StageOpenMessage } from '@pippa/protocol';

/** What a stage is to be, as the conductor asks for it. */
export type StageOrder = Pick<
  StageOpenMessage,
  | 'ring'
  | 'model'
  | 'from'
  | 'to'
  | 'layerCount'
  | 'contextCells'
  | 'parallelSequences'
  | 'maxRows'
  | 'stageCount'
  | 'index'
  | 'ownCells'
  | 'stagesHere'
  | 'expectedBytes'
>;

export interface LoadControl {
  readonly onProgress: (phase: 'fetch' | 'load', fraction: number) => void;
  readonly signal: AbortSignal;
}

/** Loads stages on this node: bound to the model store and the engine by the agent. */
export interface StageLoader {
  /** Throws a `PippaError` when the stage cannot be had here: no such model, no memory for it, ... Nothing stays loaded then. */
  load(order: StageOrder, control: LoadControl): Promise<StageRunner>;
}
