import type { Interrupts } from '../interrupts.ts';
import type { AskStranger } from '../mesh/enter-mesh.ts';
import type { Terminal } from './terminal.ts';

/**
 * Asks the person at the terminal about a mesh on the network that this node is not in; undefined where nobody is there. `ready`: the
 * terminal is free.
 */
export function strangerPrompt(
  { stdin, stdout }: Terminal,
  { ready, interrupts }: { readonly ready: Promise<void>; readonly interrupts: Interrupts },
): AskStranger | undefined {
  if (stdin.isTTY !== true || stdout.isTTY !== true) return undefined;
  return async (complaint, signal) => {
    await ready;
    // Loaded when needed: most starts do without.
    const { isCancel, log, select, text } = await import('@clack/prompts');
    const streams = { input: stdin, output: stdout, signal };
    /** Ctrl-C at a prompt is meant for the agent. */
    const givenUp = (): never => {
      interrupts.request();
      signal.throwIfAborted();
      throw interrupts.asked.reason;
    };
    if (complaint !== undefined) log.warn(complaint, { output: stdout });
    const kind = await select({
      ...streams,
      message: 'There is a mesh on this network, and this machine is not in it.',
      options: [
        { value: 'code' as const, label: 'Type its code', hint: '`pippa-agent invite` on a member shows it' },
        { value: 'ask' as const, label: 'Ask to be let in', hint: '`pippa-agent approve` on a member' },
        { value: 'new' as const, label: 'Begin a mesh of its own' },
      ],
    });
    if (isCancel(kind)) return givenUp();
    if (kind !== 'code') return { kind };
    const code = await text({ ...streams, message: 'Code', placeholder: 'XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX' });
    return isCancel(code) ? givenUp() : { kind, code };
  };
}
