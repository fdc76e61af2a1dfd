import type { Clock, StageChain } from '@pippa/core';
import type { RingStep } from './ring-chain.ts';

/** The same chain, telling what every step took. */
export function observeChain(
  chain: StageChain,
  model: string,
  { clock, onStep }: { readonly clock: Pick<Clock, 'nowMs'>; readonly onStep: (step: RingStep) => void },
): StageChain {
  let underWay = 0;
  return {
    stages: chain.stages,
    epoch: chain.epoch ?? 0,
    async submit(step) {
      const startedMs = clock.nowMs();
      let overlapped = underWay > 0;
      underWay += 1;
      try {
        const result = await chain.submit(step);
        overlapped ||= underWay > 1;
        const computeMs = result.timings.map((timing) => timing.computeMs);
        onStep({ model, computeMs, elapsedMs: clock.nowMs() - startedMs, overlapped });
        return result;
      } finally {
        underWay -= 1;
      }
    },
  };
}
