import type { StartProgram } from '../program.ts';
import type { SleepListener } from './sleep-events.ts';

/**
 * Handlers of NSWorkspaceWillSleepNotification may keep the machine awake for up to 30 s
 * (https://developer.apple.com/library/archive/qa/qa1340/_index.html); closing a lid is less patient.
 */
const WITHIN_MS = 10_000;

/**
 * For `osascript -l JavaScript`: says `will-sleep` and waits for a line before it lets the system go on, says `did-wake`, and ends with its
 * stdin.
 */
const SCRIPT = `
ObjC['import']('AppKit');
const input = $.NSFileHandle.fileHandleWithStandardInput;
const output = $.NSFileHandle.fileHandleWithStandardOutput;
const say = (word) => output.writeData($(word + '\\n').dataUsingEncoding($.NSUTF8StringEncoding));
ObjC.registerSubclass({
  name: 'PippaSleepListener',
  methods: {
    'willSleep:': { types: ['void', ['id']], implementation: () => { say('will-sleep'); if (input.availableData.length === 0) $.exit(0); } },
    'didWake:': { types: ['void', ['id']], implementation: () => say('did-wake') },
  },
});
const listener = $.PippaSleepListener.alloc.init;
const center = $.NSWorkspace.sharedWorkspace.notificationCenter;
center.addObserverSelectorNameObject(listener, 'willSleep:', $.NSWorkspaceWillSleepNotification, $());
center.addObserverSelectorNameObject(listener, 'didWake:', $.NSWorkspaceDidWakeNotification, $());
say('listening');
$.NSRunLoop.currentRunLoop.run;
`;

/** macOS' notice of sleep, as programs of a login session get it. Returns how to stop; `ended` settles when no more can be heard. */
export function watchWorkspace(
  listener: SleepListener,
  { start }: { readonly start: StartProgram },
): { readonly ended: Promise<void>; stop(): void } {
  const script = start('/usr/bin/osascript', ['-l', 'JavaScript', '-e', SCRIPT]);
  script.onLine((line) => {
    if (line === 'will-sleep') listener.onWillSleep({ withinMs: WITHIN_MS, release: () => script.send('go') });
    else if (line === 'did-wake') listener.onDidWake();
  });
  return { ended: script.ended, stop: () => script.stop() };
}
