import type { StageChain, Step, StepResult } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { observeChain, type RingStep } from '../src/index.ts';

const step = (id: number): Step => ({
  id,
  epoch: 0,
  memory: [],
  samplers: [],
  slots: new Int32Array(1),
  positions: new Int32Array(1),
  tokens: new Int32Array(1),
  outputs: [],
});

describe('observing a chain', () => {
  it('tells what a step took, and whether others were under way beside it', async () => {
    let nowMs = 0;
    const waiting: ((result: StepResult) => void)[] = [];
    const chain: StageChain = { stages: [], submit: () => new Promise((resolve) => waiting.push(resolve)) };
    const seen: RingStep[] = [];
    const observed = observeChain(chain, 'm', { clock: { nowMs: () => nowMs }, onStep: (each) => void seen.push(each) });
    const finish = (id: number): void =>
      waiting.shift()?.({ id, epoch: 0, samples: [], samplerFailures: [], timings: [{ computeMs: 3 }, { computeMs: 4 }] });

    const alone = observed.submit(step(1));
    nowMs = 10;
    finish(1);
    await alone;
    const pair = [observed.submit(step(2)), observed.submit(step(3))];
    nowMs = 30;
    finish(2);
    finish(3);
    await Promise.all(pair);
    expect(seen).toEqual([
      { model: 'm', computeMs: [3, 4], elapsedMs: 10, overlapped: false },
      { model: 'm', computeMs: [3, 4], elapsedMs: 20, overlapped: true },
      { model: 'm', computeMs: [3, 4], elapsedMs: 20, overlapped: true },
    ]);
  });

  it('passes a failed step on', async () => {
    const chain: StageChain = { stages: [], submit: () => Promise.reject(new Error('lost')) };
    const observed = observeChain(chain, 'm', { clock: { nowMs: () => 0 }, onStep: () => expect.unreachable() });
    await expect(observed.submit(step(1))).rejects.toThrow('lost');
  });
});
