import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Lines that are kept, newest first. */
export const HISTORY_LINES = 500;

/** What was typed before; nothing when there is no file yet or it cannot be read: history is a convenience. */
export async function readHistory(path: string): Promise<string[]> {
  try {
    return (await readFile(path, 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .slice(0, HISTORY_LINES);
  } catch {
    return [];
  }
}

/** For this user's eyes only. */
export async function writeHistory(path: string, lines: readonly string[]): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, `${lines.slice(0, HISTORY_LINES).join('\n')}\n`, { mode: 0o600 });
  } catch {
    // A read-only home must not spoil the end of a conversation.
  }
}
