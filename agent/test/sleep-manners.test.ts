import { silentLogger } from '@pippa/core';
import { expect, it } from 'vitest';
import { SleepManners } from '../src/node/sleep-manners.ts';

/** What was done, in order; `handOver` settles when the test says so. */
function sleeper() {
  const done: string[] = [];
  const timers = new Map<number, () => void>();
  const handedOver = Promise.withResolvers<void>();
  const manners = new SleepManners({
    router: {
      async handOver(signal) {
        done.push('hand over');
        await Promise.race([
          handedOver.promise,
          new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
        ]);
        done.push('handed over');
      },
    },
    mesh: {
      async doze() {
        done.push('goodbye');
      },
      wake: () => void done.push('wake'),
    },
    clock: {
      nowMs: () => 0,
      wallMs: () => 0,
      schedule(delayMs, callback) {
        timers.set(delayMs, callback);
        return () => timers.delete(delayMs);
      },
    },
    logger: silentLogger,
  });
  const released = Promise.withResolvers<void>();
  const willSleep = (withinMs: number): void =>
    manners.onWillSleep({
      withinMs,
      release() {
        done.push('release');
        released.resolve();
      },
    });
  return { done, timers, manners, willSleep, handedOver, released: released.promise };
}

it('hands over, says goodbye and lets the machine sleep; when it wakes it looks for the others', async () => {
  const { done, timers, manners, willSleep, handedOver, released } = sleeper();
  willSleep(4500);
  handedOver.resolve();
  await released;
  expect(done).toEqual(['hand over', 'handed over', 'goodbye', 'release']);
  manners.onDidWake();
  expect(done.at(-1)).toBe('wake');
  expect(timers.size).toBe(0);
});

it('says goodbye in time when handing over takes longer than the system waits', async () => {
  const { done, timers, willSleep, released } = sleeper();
  willSleep(4500);
  timers.get(4000)?.();
  await released;
  expect(done).toEqual(['hand over', 'goodbye', 'release']);
});

it('only says goodbye where the system does not wait', async () => {
  const { done, willSleep, released } = sleeper();
  willSleep(0);
  await released;
  expect(done).toEqual(['goodbye', 'release']);
});

it('stays when the sleep is called off meanwhile, and comes back when the machine does not sleep after all', async () => {
  const calledOff = sleeper();
  calledOff.willSleep(4500);
  calledOff.manners.onDidWake();
  calledOff.handedOver.resolve();
  await calledOff.released;
  expect(calledOff.done).toEqual(['hand over', 'wake', 'handed over', 'release']);
  const awake = sleeper();
  awake.willSleep(0);
  await awake.released;
  awake.timers.get(60_000)?.();
  expect(awake.done).toEqual(['goodbye', 'release', 'wake']);
});
