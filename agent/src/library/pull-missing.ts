import { homedir } from 'node:os';
import { explainPull, isRemoteReference, NoSuchModelError, planPull, type Library } from '@pippa/models';
import type { CommandContext } from '../commands/context.ts';
import { pullOne } from '../commands/pull.ts';
import { InterruptedError, ModelOnHubError } from '../errors.ts';

/**
 * The name of a model that was asked for by where it is to be had (`hf:org/repo`), once it is here; any other text as it is. What is not
 * here is pulled with `--auto-pull`, or when the person at the terminal says so. Throws `ModelOnHubError`, which tells size and time, and
 * what pulling throws.
 */
export async function pullMissing(text: string, library: Library, context: CommandContext): Promise<string> {
  if (!isRemoteReference(text)) return text;
  const { environment, interrupts, settings } = context;
  const known = await nameOf(text, library);
  if (known !== undefined) return known;
  const plan = await planPull(text, { environment, home: homedir(), signal: interrupts.asked });
  const here = await nameOf(plan.name, library);
  if (here !== undefined) return here;
  const explanation = `The model is not here. ${explainPull(plan)}`;
  if (!settings.autoPull && !(await isWanted(explanation, context))) {
    throw new ModelOnHubError(explanation, { hint: `Get it with pippa-agent pull ${text}, or add --auto-pull.` });
  }
  return pullOne(text, context);
}

async function nameOf(text: string, library: Library): Promise<string | undefined> {
  try {
    return (await library.resolve(text)).name;
  } catch (error) {
    if (error instanceof NoSuchModelError) return undefined;
    throw error;
  }
}

async function isWanted(explanation: string, { terminal }: CommandContext): Promise<boolean> {
  const { stdin, stdout } = terminal;
  if (stdin.isTTY !== true || stdout.isTTY !== true) return false;
  const { confirm, isCancel } = await import('@clack/prompts');
  const answer = await confirm({ message: `${explanation} Get it now?`, input: stdin, output: stdout });
  if (isCancel(answer)) throw new InterruptedError('Nothing was pulled.');
  return answer;
}
