import type { CardRing, ModelId, PeerId } from '@pippa/core';
import type { StageRange } from './types.ts';

/** What measurements say about predictions. */
export interface Calibration {
  /** Measured stage time over the one that the model of the speeds gives, by node. */
  readonly slowdown: ReadonlyMap<PeerId, number>;
  /** Measured tokens a second of one stream, by `placementKey`. */
  readonly measured: ReadonlyMap<string, number>;
}

/** Nothing was measured yet. */
export const UNCALIBRATED: Calibration = { slowdown: new Map(), measured: new Map() };

/** A placement as it was predicted; what `planPlacement` gives fits. */
export interface PlacementPrediction {
  readonly model: ModelId;
  readonly stages: readonly (StageRange & { readonly computeMs: number })[];
}

/** What a ring measured of a placement: medians of steps with one token. */
export interface PlacementMeasurement {
  readonly model: ModelId;
  readonly stages: readonly StageRange[];
  /** Of one stream; 0: not measured. */
  readonly decodeTokensPerSecond: number;
  /** By stage; empty: not measured. */
  readonly stageMs: readonly number[];
}

/** A measured stage is believed to be off the prediction by no more than this: beyond, it is the measurement that is wrong. */
const MAX_SLOWDOWN = 16;

/** What a placement is known by wherever it was measured. */
export function placementKey(model: ModelId, stages: readonly StageRange[]): string {
  return [model, ...stages.map(({ peer, from, to }) => `${peer}:${from}-${to}`)].join(' ');
}

/**
 * Lets measurements replace predictions: rates of the placements that were measured, and for all others the speed of their nodes.
 * `before`: the calibration that the predictions were made with, which the new one goes on from.
 */
export function calibrate(
  predictions: readonly PlacementPrediction[],
  measurements: readonly PlacementMeasurement[],
  before: Calibration = UNCALIBRATED,
): Calibration {
  const predicted = new Map(predictions.map((each) => [placementKey(each.model, each.stages), each]));
  const measured = new Map(before.measured);
  const ratios = new Map<PeerId, number[]>();
  for (const measurement of measurements) {
    const key = placementKey(measurement.model, measurement.stages);
    if (measurement.decodeTokensPerSecond > 0) measured.set(key, measurement.decodeTokensPerSecond);
    predicted.get(key)?.stages.forEach(({ peer, computeMs }, index) => {
      const stageMs = measurement.stageMs[index] ?? 0;
      if (stageMs > 0 && computeMs > 0) ratios.set(peer, [...(ratios.get(peer) ?? []), stageMs / computeMs]);
    });
  }
  const slowdown = new Map(before.slowdown);
  for (const [peer, all] of ratios) {
    // Ratios multiply: their mean is the geometric one.
    const mean = Math.exp(all.reduce((sum, ratio) => sum + Math.log(ratio), 0) / all.length);
    slowdown.set(peer, clamp((before.slowdown.get(peer) ?? 1) * mean));
  }
  return { slowdown, measured };
}

/** What rings say on their conductors' cards that they measured. */
export function calibrationOf(rings: Iterable<Pick<CardRing, 'model' | 'stages' | 'measuredTokensPerSecond'>>): Calibration {
  const measured = new Map<string, number>();
  for (const { model, stages, measuredTokensPerSecond } of rings) {
    if (measuredTokensPerSecond > 0) measured.set(placementKey(model, stages), measuredTokensPerSecond);
  }
  return { slowdown: new Map(), measured };
}

function clamp(slowdown: number): number {
  return Math.min(MAX_SLOWDOWN, Math.max(1 / MAX_SLOWDOWN, slowdown));
}
