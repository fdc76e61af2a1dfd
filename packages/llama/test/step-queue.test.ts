import type { Step } from '@pippa/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StepQueue } from '../src/step-queue.ts';

const frame = (id: number) => ({ kind: 'step' as const, step: { id } as Step, timings: [] });

function start(): { queue: StepQueue; done: (number | 'reset')[]; settled: () => Promise<void> } {
  const done: (number | 'reset')[] = [];
  const queue = new StepQueue((next) => done.push(next.kind === 'step' ? next.step.id : 'reset'));
  const settled = async (): Promise<void> => {
    for (let before = -1; before !== done.length;) {
      before = done.length;
      await new Promise(setImmediate);
    }
  };
  return { queue, done, settled };
}

describe('what a stage is to do', () => {
  it('is done in the order of the steps, whichever of two ways each takes and however they overtake', async () => {
    const plan = fc
      .array(fc.boolean(), { minLength: 1, maxLength: 40 })
      .chain((direct) =>
        fc.tuple(
          fc.constant(direct),
          fc.shuffledSubarray([...direct.keys()], { minLength: direct.length, maxLength: direct.length }),
        ),
      );
    await fc.assert(
      fc.asyncProperty(plan, async ([direct, order]) => {
        const { queue, done, settled } = start();
        queue.expect(7);
        for (const index of order) queue.push(frame(7 + index), direct[index] === true);
        await settled();
        expect(done).toEqual(direct.map((_, index) => 7 + index));
      }),
    );
  });

  it('lets replayed steps and resets by as they come', async () => {
    const { queue, done, settled } = start();
    queue.push({ kind: 'reset' }, false);
    queue.expect(10);
    for (const id of [8, 9]) queue.push(frame(id), false);
    queue.push(frame(11), true);
    queue.push(frame(10), false);
    await settled();
    expect(done).toEqual(['reset', 8, 9, 10, 11]);
  });

  it('forgets what came over a direct way that was closed, and goes on one way', async () => {
    const { queue, done, settled } = start();
    queue.expect(1);
    queue.push(frame(1), false);
    queue.push(frame(2), true);
    queue.push(frame(4), true);
    queue.close();
    queue.push({ kind: 'reset' }, false);
    queue.push(frame(5), false);
    await settled();
    expect(done).toEqual([1, 'reset', 5]);
  });

  it('refuses steps that came already, or that are beyond all reason', () => {
    const { queue } = start();
    queue.expect(1);
    queue.push(frame(1), true);
    expect(() => queue.push(frame(1), true)).toThrow(expect.objectContaining({ code: 'protocol_error' }));
    expect(() => queue.push(frame(1000), true)).toThrow(expect.objectContaining({ code: 'protocol_error' }));
  });
});
