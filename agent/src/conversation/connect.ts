import { looksLikePath, type LibraryEntry } from '@pippa/models';
import type { CommandContext } from '../commands/context.ts';
import { openLibrary } from '../library/open-library.ts';
import { pullMissing } from '../library/pull-missing.ts';
import { readMachine } from '../machine.ts';
import { openModel } from '../open-model.ts';
import { openOptions } from '../open-options.ts';
import { findAgent } from '../remote/agent-address.ts';
import { NO_MODEL } from '../settings/schema.ts';
import { withProgress } from '../terminal/progress-line.ts';
import { chooseModel } from './choose-model.ts';
import { LocalPartner } from './local-partner.ts';
import type { Partner } from './partner.ts';
import { probeAgent, RemotePartner } from './remote-partner.ts';

/**
 * Who answers: the agent that runs at the configured address when it has the model, else the model loaded into this process.
 * Undefined when the person was asked for a model and gave up. Throws `NoSuchModelError` and what `openModel` throws.
 */
export async function connect(
  asked: string | undefined,
  context: CommandContext,
  { mayAsk }: { readonly mayAsk: boolean },
): Promise<Partner | undefined> {
  const { settings, given } = context;
  const named = asked ?? (given.has('model') ? settings.model.find((model) => model !== NO_MODEL) : undefined);
  const address = await findAgent(context);
  const running = settings.port === 0 || (named !== undefined && looksLikePath(named)) ? undefined : await probeAgent(address);
  const served = named === undefined ? running?.[0] : running?.find((model) => model.toLowerCase() === named.toLowerCase());
  if (served !== undefined) return new RemotePartner(address, served);
  const library = openLibrary(settings, context);
  let wanted = named;
  if (wanted === undefined && mayAsk) {
    const names = (await library.refresh()).map((entry) => entry.name);
    if (names.length > 1) {
      wanted = await chooseModel(names, context.terminal);
      if (wanted === undefined) return undefined;
    }
  }
  const name = await pullMissing(wanted ?? settings.model[0] ?? '', library, context);
  return load(await library.resolve(name, { signal: context.interrupts.asked }), context);
}

async function load(entry: LibraryEntry, context: CommandContext): Promise<Partner> {
  const { settings, interrupts, logger, paths } = context;
  const options = { ...openOptions(settings, { machine: await readMachine(), paths, logger }), name: entry.name };
  const opened = await withProgress(`Loading ${entry.name}`, context, (onProgress) =>
    openModel(entry.paths[0] ?? '', options, { onProgress, signal: interrupts.asked }),
  );
  return new LocalPartner(opened);
}
