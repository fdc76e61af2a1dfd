import type { CommandContext } from '../commands/context.ts';
import { modelDirectories } from '../library/directories.ts';
import { findModelFiles, modelNameOf } from '../library/find-models.ts';
import { looksLikePath, resolveModel } from '../library/resolve-model.ts';
import { readMachine } from '../machine.ts';
import { openModel } from '../open-model.ts';
import { openOptions } from '../open-options.ts';
import { agentAddress } from '../remote/agent-address.ts';
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
  const address = agentAddress(settings);
  const running = settings.port === 0 || (named !== undefined && looksLikePath(named)) ? undefined : await probeAgent(address);
  const served = named === undefined ? running?.[0] : running?.find((model) => model.toLowerCase() === named.toLowerCase());
  if (served !== undefined) return new RemotePartner(address, served);
  const directories = modelDirectories(context.paths, settings.modelDir);
  let wanted = named;
  if (wanted === undefined && mayAsk) {
    const names = (await findModelFiles(directories)).map(modelNameOf);
    if (names.length > 1) {
      wanted = await chooseModel(names, context.terminal);
      if (wanted === undefined) return undefined;
    }
  }
  return load(await resolveModel(wanted ?? settings.model[0] ?? '', directories), context);
}

async function load(path: string, context: CommandContext): Promise<Partner> {
  const { settings, interrupts, logger, paths } = context;
  const options = openOptions(settings, { machine: readMachine(), paths, logger });
  const opened = await withProgress(`Loading ${modelNameOf(path)}`, context, (onProgress) =>
    openModel(path, options, { onProgress, signal: interrupts.asked }),
  );
  return new LocalPartner(opened);
}
