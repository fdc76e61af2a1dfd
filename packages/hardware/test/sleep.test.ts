import { describe, expect, it } from 'vitest';
import type { MachineReader } from '../src/machine-reader.ts';
import type { Program } from '../src/program.ts';
import { startProgram } from '../src/program.ts';
import { watchSleep } from '../src/sleep/watch-sleep.ts';
import type { SleepListener, SleepNotice } from '../src/sleep/sleep-events.ts';
import { silentMachine } from './support/recorded-machine.ts';

/** Programs that a test speaks for, and time that it lets go by. */
class Machine implements SleepListener {
  readonly running: {
    readonly words: readonly string[];
    say(line: string): void;
    end(): void;
    sent: string[];
    stopped: boolean;
  }[] = [];
  readonly told: string[] = [];
  notice: SleepNotice | undefined;
  uptimeMs = 1_000_000;
  #timers: { atMs: number; callback: () => void }[] = [];
  #nowMs = 0;
  readonly stop: () => void;

  constructor(platform: NodeJS.Platform, run: MachineReader['run'] = async () => undefined) {
    this.stop = watchSleep(this, {
      reader: { ...silentMachine, run, facts: () => ({ ...silentMachine.facts(), platform }) },
      start: (command, words) => this.#start([command, ...words]),
      clock: {
        nowMs: () => this.#nowMs,
        wallMs: () => this.#nowMs,
        schedule: (delayMs, callback) => {
          const timer = { atMs: this.#nowMs + delayMs, callback };
          this.#timers.push(timer);
          return () => (this.#timers = this.#timers.filter((each) => each !== timer));
        },
      },
      uptimeMs: () => this.uptimeMs,
    });
  }

  onWillSleep(notice: SleepNotice): void {
    this.notice = notice;
    this.told.push(`will sleep within ${notice.withinMs}`);
  }

  onDidWake(): void {
    this.told.push('woke');
  }

  /** `asleepMs`: the clock of timers does not count them. */
  pass(ms: number, asleepMs = 0): void {
    this.uptimeMs += asleepMs;
    const endMs = this.#nowMs + ms;
    while (this.#nowMs < endMs) {
      this.#nowMs += 1000;
      this.uptimeMs += 1000;
      const due = this.#timers.filter((timer) => timer.atMs <= this.#nowMs);
      this.#timers = this.#timers.filter((timer) => timer.atMs > this.#nowMs);
      for (const timer of due) timer.callback();
    }
  }

  of(command: string) {
    return this.running.filter(({ words, stopped }) => words[0]?.endsWith(command) === true && !stopped);
  }

  #start(words: readonly string[]): Program {
    const listeners: ((line: string) => void)[] = [];
    const ended = Promise.withResolvers<void>();
    const program = {
      words,
      sent: [] as string[],
      stopped: false,
      say: (line: string) => {
        for (const listener of listeners) listener(line);
      },
      end: () => {
        program.stopped = true;
        ended.resolve();
      },
    };
    this.running.push(program);
    return {
      onLine: (listener) => void listeners.push(listener),
      ended: ended.promise,
      send: (line) => void program.sent.push(line),
      stop: () => program.end(),
    };
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const SIGNAL = '/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForSleep';
const OWNED = 'The name org.freedesktop.login1 is owned by :1.3';

describe('on Linux', () => {
  it('holds sleep back, tells for how long, lets it go on, and holds it again after waking', async () => {
    const machine = new Machine('linux', async (command) => (command === 'busctl' ? 't 8000000\n' : undefined));
    const [monitor] = machine.of('gdbus');
    monitor?.say('Monitoring signals on object /org/freedesktop/login1 owned by org.freedesktop.login1');
    expect(machine.of('systemd-inhibit')).toHaveLength(0);
    monitor?.say(OWNED);
    await settled();
    expect(machine.of('systemd-inhibit')).toHaveLength(1);
    monitor?.say(`${SIGNAL} (true,)`);
    expect(machine.told).toEqual(['will sleep within 7500']);
    machine.notice?.release();
    expect(machine.of('systemd-inhibit')).toHaveLength(0);
    machine.uptimeMs += 3_600_000;
    monitor?.say(`${SIGNAL} (false,)`);
    // The clock tells of it, too.
    machine.pass(3000);
    expect(machine.told).toEqual(['will sleep within 7500', 'woke']);
    expect(machine.of('systemd-inhibit')).toHaveLength(1);
    machine.stop();
    expect(machine.running.every(({ stopped }) => stopped)).toBe(true);
  });

  it('says that there is no time where sleep cannot be held back', async () => {
    const machine = new Machine('linux');
    machine.of('gdbus')[0]?.say(OWNED);
    machine.of('systemd-inhibit')[0]?.end();
    await settled();
    machine.of('gdbus')[0]?.say(`${SIGNAL} (true,)`);
    expect(machine.told).toEqual(['will sleep within 0']);
    machine.stop();
  });

  it('listens again when the bus comes back, and leaves it at that without one', async () => {
    const machine = new Machine('linux');
    for (const waitMs of [60_000, 120_000]) {
      machine.of('gdbus')[0]?.end();
      await settled();
      machine.pass(waitMs - 1000);
      expect(machine.of('gdbus')).toHaveLength(0);
      machine.pass(1000);
      expect(machine.of('gdbus')).toHaveLength(1);
    }
    machine.of('gdbus')[0]?.say('The name org.freedesktop.login1 does not have an owner');
    expect(machine.of('systemd-inhibit')).toHaveLength(0);
    expect(machine.told).toEqual([]);
    machine.stop();
  });
});

it('hears of sleep from the workspace of a Mac, which waits for a word', () => {
  const machine = new Machine('darwin');
  const [script] = machine.of('osascript');
  script?.say('listening');
  script?.say('will-sleep');
  expect(machine.told).toEqual(['will sleep within 10000']);
  expect(script?.sent).toEqual([]);
  machine.notice?.release();
  expect(script?.sent).toEqual(['go']);
  script?.say('did-wake');
  expect(machine.told).toEqual(['will sleep within 10000', 'woke']);
  machine.stop();
});

it.each(['linux', 'darwin', 'freebsd'] as const)('notices on %s afterwards that the machine slept', (platform) => {
  const machine = new Machine(platform);
  machine.pass(10_000);
  machine.pass(1000, 2000);
  expect(machine.told).toEqual([]);
  machine.pass(1000, 20_000);
  expect(machine.told).toEqual(['woke']);
  machine.stop();
});

it('hears what a program says, speaks to it and ends it; one that is not there has ended', async () => {
  const program = startProgram('cat', []);
  const heard = new Promise<string>((resolve) => program.onLine(resolve));
  program.send('hello');
  expect(await heard).toBe('hello');
  program.stop();
  await program.ended;
  const none = startProgram('no-such-program-of-pippa', []);
  none.send('hello');
  await none.ended;
  none.stop();
});
