import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Says what is written into the pipe `sleep` of the agent's folder, as `gdbus monitor` would. */
const GDBUS = `#!/bin/sh
mkfifo "$PIPPA_STATE_DIR/sleep"
echo 'The name org.freedesktop.login1 is owned by :1.3'
exec cat <> "$PIPPA_STATE_DIR/sleep"
`;
/** Holds sleep back until its stdin ends. */
const SYSTEMD_INHIBIT = `#!/bin/sh
trap '' TERM
cat
echo released >> "$PIPPA_STATE_DIR/sleep-log"
`;

/** Programs in the place of those that agents hear of sleep by; agents that have `folder` first in their PATH find them. */
export async function writeFakeLogind(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries({ gdbus: GDBUS, 'systemd-inhibit': SYSTEMD_INHIBIT })) {
    await writeFile(join(folder, name), text);
    await chmod(join(folder, name), 0o755);
  }
}

/** Tells the agent of this folder that its machine is about to sleep, or woke. */
export async function prepareForSleep(stateDirectory: string, begins: boolean): Promise<void> {
  const signal = `/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForSleep (${begins},)\n`;
  await writeFile(join(stateDirectory, 'sleep'), signal, { flag: 'r+' });
}

/** How often the agent let its machine sleep. */
export async function releases(stateDirectory: string): Promise<number> {
  const log = await readFile(join(stateDirectory, 'sleep-log'), 'utf8').catch(() => '');
  return log.split('\n').length - 1;
}
