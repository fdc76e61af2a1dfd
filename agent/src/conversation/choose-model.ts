import type { Terminal } from '../terminal/terminal.ts';

/** Lets the person at the terminal pick one of several models; undefined when they give up. */
export async function chooseModel(names: readonly string[], { stdin, stdout }: Terminal): Promise<string | undefined> {
  // Loaded when needed: serving does without.
  const { isCancel, select } = await import('@clack/prompts');
  const options = names.map((name) => ({ value: name, label: name }));
  const chosen = await select({ message: 'Which model?', options, maxItems: 12, input: stdin, output: stdout });
  return isCancel(chosen) ? undefined : chosen;
}
