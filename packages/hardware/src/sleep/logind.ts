import type { Program, StartProgram } from '../program.ts';
import type { MachineReader } from '../machine-reader.ts';
import type { SleepListener } from './sleep-events.ts';

const BUS_NAME = 'org.freedesktop.login1';
const OBJECT = '/org/freedesktop/login1';
/** InhibitDelayMaxSec of logind.conf unless it says otherwise. */
const DEFAULT_DELAY_MS = 5000;
/** Kept back of the delay: logind must hear in time that it need not wait any longer. */
const MARGIN_MS = 500;

export interface LogindParts {
  readonly start: StartProgram;
  readonly reader: Pick<MachineReader, 'run'>;
}

/**
 * systemd's notice of sleep: the signal `PrepareForSleep` of logind, which waits for those who hold a delay lock
 * (https://systemd.io/INHIBITOR_LOCKS/). Heard and held through `gdbus` and `systemd-inhibit`; without them, or a system bus, nothing
 * comes. The lock is gone with this process, whatever becomes of it. Returns how to stop; `ended` settles when no more can be heard.
 */
export function watchLogind(
  listener: SleepListener,
  { start, reader }: LogindParts,
): { readonly ended: Promise<void>; stop(): void } {
  let lock: Program | undefined;
  let delayMs = DEFAULT_DELAY_MS;
  let isOwned = false;
  const hold = (): void => {
    if (lock !== undefined) return;
    // `cat` ends with its stdin, and with it the lock.
    const words = ['--what=sleep', '--mode=delay', '--who=pippa-agent', '--why=Layers of models go to other machines first', 'cat'];
    const held = start('systemd-inhibit', words);
    lock = held;
    void held.ended.then(() => {
      if (lock === held) lock = undefined;
    });
  };
  const release = (): void => {
    lock?.stop();
    lock = undefined;
  };
  const monitor = start('gdbus', ['monitor', '--system', '--dest', BUS_NAME, '--object-path', OBJECT]);
  monitor.onLine((line) => {
    if (/^The name \S+ is owned by /.test(line)) {
      isOwned = true;
      hold();
      void readDelay(reader).then((ms) => (delayMs = ms ?? DEFAULT_DELAY_MS));
    } else if (/^The name \S+ does not have an owner/.test(line)) {
      isOwned = false;
      release();
    }
    const isStart = /\.Manager\.PrepareForSleep \((true|false),\)/.exec(line)?.[1];
    if (isStart === 'true') listener.onWillSleep({ withinMs: lock === undefined ? 0 : Math.max(0, delayMs - MARGIN_MS), release });
    else if (isStart === 'false') {
      if (isOwned) hold();
      listener.onDidWake();
    }
  });
  return {
    ended: monitor.ended.then(release),
    stop() {
      monitor.stop();
      release();
    },
  };
}

/** `t 5000000` */
async function readDelay(reader: Pick<MachineReader, 'run'>): Promise<number | undefined> {
  const output = await reader.run('busctl', ['get-property', BUS_NAME, OBJECT, `${BUS_NAME}.Manager`, 'InhibitDelayMaxUSec']);
  const found = /^t (\d+)$/m.exec(output ?? '')?.[1];
  return found === undefined ? undefined : Number(found) / 1000;
}
