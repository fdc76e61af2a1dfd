import type { ConductorSettings } from './settings.ts';

/** Chunks are multiples of this where they can be: matrix kernels work in tiles of it, and smaller ones waste them. */
export const PREFILL_TILE_ROWS = 32;

/**
 * Chunks of a prompt that several stages work on are multiples of this: llama.cpp computes attention on CPUs in tiles of so many rows, and
 * a row of a smaller step takes a third more time once there is some text before it.
 */
const SHARED_TILE_ROWS = 64;

/** A prompt should give about this many chunks a stage, or the stages wait for each other at both ends of the pipeline. */
const CHUNKS_PER_STAGE = 8;

export interface PrefillCircumstances {
  readonly settings: ConductorSettings;
  readonly stages: number;
  /** Compute time of one prompt row over all stages as measured; undefined: not yet. */
  readonly prefillMsPerRow: number | undefined;
}

/** Prompt rows that the next step may carry. `promptRows`: what the prompts under way have in all. */
export function prefillRows(promptRows: number, othersDecode: boolean, circumstances: PrefillCircumstances): number {
  const { settings, stages, prefillMsPerRow } = circumstances;
  let rows = settings.maxPrefillRows;
  if (othersDecode) {
    // Everyone who decodes waits for the whole step.
    rows = Math.min(rows, settings.sharedPrefillRows);
    if (prefillMsPerRow !== undefined)
      rows = Math.min(rows, atLeastOneTile(settings.sharedStepMs / prefillMsPerRow, PREFILL_TILE_ROWS));
  }
  if (stages > 1) rows = Math.min(rows, atLeastOneTile(promptRows / (CHUNKS_PER_STAGE * stages), SHARED_TILE_ROWS));
  return rows;
}

function atLeastOneTile(rows: number, tile: number): number {
  return Math.max(1, Math.round(rows / tile)) * tile;
}
