import type { StageChain, Step, StepResult } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import type { StepEntry } from '../src/step-builder.ts';
import { StepFlight } from '../src/step-flight.ts';
import { StepStatistics } from '../src/step-statistics.ts';

const one = [{ isDecode: true, count: 1 }] as unknown as readonly StepEntry[];

describe('what one stream takes', () => {
  it('is told by steps that waited for no others, and by those that did while there are no better ones', () => {
    const statistics = new StepStatistics();
    const ms = (): number | undefined => statistics.snapshot(0).decodeStepMs[0]?.ms;
    statistics.addStep(one, [], { elapsedMs: 90, isAlone: false });
    expect(ms()).toBe(90);
    statistics.addStep(one, [], { elapsedMs: 30, isAlone: true });
    expect(ms()).toBe(30);
    for (let step = 0; step < 50; step += 1) statistics.addStep(one, [], { elapsedMs: 90, isAlone: false });
    expect(ms()).toBe(30);
    statistics.addStep(one, [], { elapsedMs: 40, isAlone: true });
    expect(ms()).toBe(32);
    statistics.forgetStages();
    expect(ms()).toBeUndefined();
  });

  it('is alone on its way when no other step was under way at any moment of it', async () => {
    const answers: ((result: StepResult) => void)[] = [];
    const chain = {
      stages: [],
      submit: () => new Promise<StepResult>((resolve) => answers.push(resolve)),
    } as unknown as StageChain;
    let nowMs = 0;
    const flight = new StepFlight(chain, { nowMs: () => nowMs, wallMs: () => nowMs, schedule: () => () => {} });
    const seen: [elapsedMs: number, isAlone: boolean][] = [];
    const submit = (): void =>
      flight.submit({} as Step, { onResult: (_, elapsedMs, isAlone) => seen.push([elapsedMs, isAlone]), onError: () => {} });
    const answer = async (): Promise<void> => {
      nowMs += 10;
      answers.shift()?.({} as StepResult);
      await new Promise((resolve) => setImmediate(resolve));
    };
    submit();
    await answer();
    submit();
    submit();
    await answer();
    await answer();
    submit();
    await answer();
    expect(seen).toEqual([
      [10, true],
      [10, false],
      [20, false],
      [10, true],
    ]);
  });
});
