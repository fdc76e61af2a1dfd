import { Option, type Command } from 'commander';
import { ACTIVATIONS, STRATEGIES } from './settings/schema.ts';

/** How a model is to be brought up; left-out fields follow the agent's settings. */
export interface UpWords {
  readonly strategy?: (typeof STRATEGIES)[number];
  readonly activations?: (typeof ACTIVATIONS)[number];
  readonly context?: string;
  readonly stages?: string;
  readonly nodes?: string;
  readonly copies?: string;
  readonly json: boolean;
}

export interface RingActions {
  up(flags: Readonly<Record<string, unknown>>, model: string, words: UpWords): Promise<void>;
  down(
    flags: Readonly<Record<string, unknown>>,
    model: string | undefined,
    words: { readonly all: boolean; readonly json: boolean },
  ): Promise<void>;
  ps(flags: Readonly<Record<string, unknown>>, words: { readonly json: boolean }): Promise<void>;
}

/** The commands about rings, which talk to the running agent. */
export function addRingCommands(
  program: Command,
  actions: RingActions,
  {
    withSettings,
    flagsOf,
  }: {
    readonly withSettings: (command: Command) => Command;
    readonly flagsOf: (command: Command) => Readonly<Record<string, unknown>>;
  },
): void {
  const up = program
    .command('up')
    .alias('load')
    .description('load a model now, over as many nodes as it needs, and keep it until it is taken down')
    .argument('<model>', 'name of a model; `models` lists them')
    .addOption(new Option('--strategy <name>', 'what the placement is best at').choices(STRATEGIES))
    .addOption(new Option('--activations <format>', 'how hidden states travel').choices(ACTIVATIONS))
    .option('--context <tokens>', 'tokens that one conversation may hold')
    .option('--stages <number>', 'cut the model into so many stages')
    .option('--nodes <names>', 'only these nodes may hold a part: names with commas between')
    .option('--copies <number>', 'load it so many times, each time on other nodes, for many answers at once')
    .option('--json', 'as JSON');
  withSettings(up).action(() => {
    const { strategy, activations, context, stages, nodes, copies, json } = up.opts<UpWords>();
    return actions.up(flagsOf(up), up.args[0] ?? '', {
      json,
      ...(strategy === undefined ? {} : { strategy }),
      ...(activations === undefined ? {} : { activations }),
      ...(context === undefined ? {} : { context }),
      ...(stages === undefined ? {} : { stages }),
      ...(nodes === undefined ? {} : { nodes }),
      ...(copies === undefined ? {} : { copies }),
    });
  });

  const down = program
    .command('down')
    .alias('unload')
    .description('unload a model from all nodes; answers under way are finished first')
    .argument('[model]', 'name of a model; `ps` lists those that are loaded')
    .option('--all', 'all models of the mesh')
    .option('--json', 'as JSON');
  withSettings(down).action(() => {
    const { all, json } = down.opts<{ all?: boolean; json?: boolean }>();
    return actions.down(flagsOf(down), down.args[0], { all: all === true, json: json === true });
  });

  const ps = program.command('ps').description('show what is loaded where, and how fast it is').option('--json', 'as JSON');
  withSettings(ps).action(() => actions.ps(flagsOf(ps), { json: ps.opts()['json'] === true }));
}
