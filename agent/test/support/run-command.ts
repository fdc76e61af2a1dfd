import { EventEmitter } from 'node:events';
import { runCli } from '../../src/cli.ts';
import { fakeTerminal } from './fake-terminal.ts';

/** Runs a command line to its end, as on a machine where nobody has configured anything. */
export async function runCommand(
  words: readonly string[],
  { input = '', environment = {} }: { readonly input?: string; readonly environment?: NodeJS.ProcessEnv } = {},
): Promise<{ code: number; out: string; error: string }> {
  const terminal = fakeTerminal({ isTTY: false });
  terminal.stdin.end(input);
  const code = await runCli({
    words,
    environment: { PIPPA_CONFIG: '/dev/null', ...environment },
    terminal,
    signals: new EventEmitter(),
  });
  return { code, out: terminal.stdout.text, error: terminal.stderr.text };
}
