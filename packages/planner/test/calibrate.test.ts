import { modelId, peerId } from '@pippa/core';
import { expect, test } from 'vitest';
import { calibrate, calibrationOf, planPlacement, type Placed, type PlacementInput } from '../src/index.ts';
import { imaginedModel, imaginedNode, wishOf } from './support/imagined.ts';

const manifest = imaginedModel({ layers: 12, gigabytes: 24 });
const input: PlacementInput = {
  nodes: ['a', 'b', 'c'].map((name) => imaginedNode({ name, budgetGb: 20 })),
  links: [],
  manifest,
  wish: wishOf({ contextTokens: 1024 }),
};

function placed(more: Partial<PlacementInput> = {}): Placed {
  const result = planPlacement({ ...input, ...more });
  if (result.kind === 'refused') throw new Error(result.reasons.join(' '));
  return result;
}

const { stages } = placed();
const measurement = { model: manifest.id, stages, decodeTokensPerSecond: 3, stageMs: stages.map((stage) => stage.computeMs) };

test('the measured rate of a placement replaces its prediction, and that of no other', () => {
  const calibration = calibrate([{ model: manifest.id, stages }], [measurement]);
  const measured = placed({ calibration });
  expect(measured.predicted.decodeTokensPerSecond).toBe(3);
  expect(measured.reasons.join(' ')).toContain('3.0 tokens/s were measured of this placement');
  const other = { ...input.wish, split: 3 };
  expect(placed({ calibration, wish: other }).predicted.decodeTokensPerSecond).not.toBe(3);
});

test('rings tell on their cards what they measured, or that they have not yet', () => {
  const ring = { model: manifest.id, stages, measuredTokensPerSecond: 3 };
  expect(placed({ calibration: calibrationOf([ring]) }).predicted.decodeTokensPerSecond).toBe(3);
  expect(calibrationOf([{ ...ring, measuredTokensPerSecond: 0 }]).measured.size).toBe(0);
});

test('a node that was measured to be slow is planned with as such, for other models too', () => {
  const slow = stages[0]?.peer ?? peerId('');
  const stageMs = stages.map(({ peer, computeMs }) => computeMs * (peer === slow ? 4 : 1));
  const calibration = calibrate([{ model: manifest.id, stages }], [{ ...measurement, stageMs }]);
  const other = { ...manifest, id: modelId('b'.repeat(64)) };
  expect(placed().stages.map((stage) => stage.peer)).toContain(slow);
  expect(placed({ calibration, manifest: other }).stages.map((stage) => stage.peer)).not.toContain(slow);
});

test('predictions made with a calibration are calibrated further, not over again', () => {
  const first = calibrate(
    [{ model: manifest.id, stages }],
    [{ ...measurement, stageMs: stages.map((stage) => stage.computeMs * 2) }],
  );
  const again = placed({ calibration: first });
  const second = calibrate(
    [{ model: manifest.id, stages: again.stages }],
    [{ ...measurement, stages: again.stages, stageMs: again.stages.map((stage) => stage.computeMs) }],
    first,
  );
  for (const { peer } of again.stages) expect(second.slowdown.get(peer)).toBeCloseTo(first.slowdown.get(peer) ?? 1);
});

test('measurements of unknown placements, or of nothing, change no node', () => {
  const unknown = calibrate([], [measurement]);
  expect(unknown.slowdown.size).toBe(0);
  const empty = calibrate([{ model: manifest.id, stages }], [{ ...measurement, decodeTokensPerSecond: 0, stageMs: [] }]);
  expect(empty.measured.size + empty.slowdown.size).toBe(0);
});
