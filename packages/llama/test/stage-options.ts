import type { StageOptions } from '../src/index.ts';

/** Options for a stage of a model file on one CPU thread, where results are equal to the last bit from run to run. */
export function stageOptions(path: string, from: number, to: number, layerCount: number): StageOptions {
  return {
    source: { kind: 'files', paths: [path] },
    from,
    to,
    layerCount,
    contextCells: 256,
    parallelSequences: 4,
    maxRows: 64,
    threads: 1,
    gpu: 'off',
    hiddenStateName: 'l_out',
    recurrent: false,
    positionsPerToken: 1,
    expectedBytes: { weights: 0, context: 0, compute: 0 },
  };
}
