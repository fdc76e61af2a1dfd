import { formatBytes } from '@pippa/core';
import { removeModel } from '@pippa/models';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { openLibrary } from '../library/open-library.ts';
import type { CommandContext } from './context.ts';

/** `pippa-agent rm`: deletes models from the agent's own folder, and only from there. */
export async function rm(context: CommandContext, names: readonly string[]): Promise<ExitCode> {
  const { settings, terminal, interrupts } = context;
  const library = openLibrary(settings, context);
  for (const name of names) {
    const entry = await library.resolve(name, { signal: interrupts.asked });
    const freed = await removeModel(entry);
    terminal.stdout.write(`Removed ${entry.name}: ${formatBytes(freed)} freed.\n`);
  }
  return EXIT.ok;
}
