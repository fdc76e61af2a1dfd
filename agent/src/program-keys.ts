import type { Command } from 'commander';
import type { AddKeyOptions } from './commands/keys.ts';
import type { Flags } from './program.ts';

export interface KeyActions {
  addKey(flags: Flags, name: string, options: AddKeyOptions): Promise<void>;
  listKeys(flags: Flags, options: { readonly json: boolean }): Promise<void>;
  revokeKey(flags: Flags, nameOrId: string): Promise<void>;
}

/** `keys add`, `keys list`, `keys revoke`. `withSettings` gives a command its settings, `flagsOf` reads all its flags. */
export function addKeyCommands(
  program: Command,
  actions: KeyActions,
  { withSettings, flagsOf }: { withSettings(command: Command): Command; flagsOf(command: Command): Flags },
): void {
  const keys = program
    .command('keys')
    .description('keys that clients on other machines need; a running agent knows changes at once');
  const add = keys
    .command('add')
    .description('make a key and print it, this once: only its hash is kept')
    .argument('<name>', 'what to call it, such as "laptop"')
    .option('--scope <scope>', 'inference: ask models; admin: that, and see and change the agent itself (default: inference)')
    .option('--rate <requests>', 'requests it may send: 10/s, 60/min, 500/h, 2000/d')
    .option('--concurrency <number>', 'requests it may have under way at once');
  withSettings(add).action(() => {
    const { scope, rate, concurrency } = add.opts<Partial<AddKeyOptions>>();
    return actions.addKey(flagsOf(add), add.args[0] ?? '', { scope, rate, concurrency });
  });
  const list = keys.command('list').description('list the keys').option('--json', 'as JSON');
  withSettings(list).action(() => actions.listKeys(flagsOf(list), { json: list.opts()['json'] === true }));
  const revoke = keys.command('revoke').description('refuse a key from now on').argument('<name|id>', 'as `keys list` shows it');
  withSettings(revoke).action(() => actions.revokeKey(flagsOf(revoke), revoke.args[0] ?? ''));
}
