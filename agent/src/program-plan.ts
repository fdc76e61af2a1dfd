import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Flags } from './program.ts';

export interface PlanOptions {
  /** A file of imagined nodes, or an example's name. */
  readonly nodes?: string | undefined;
  readonly strategy: 'memory' | 'speed' | 'throughput';
  readonly lane: 'interactive' | 'batch';
  readonly split?: number | undefined;
  readonly only?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly json?: boolean | undefined;
}

export interface PlanActions {
  plan(flags: Flags, model: string, options: PlanOptions): Promise<void>;
}

const MAX_STAGES = 64;

/** `plan`. `withSettings` gives a command its settings, `flagsOf` reads all its flags. */
export function addPlanCommand(
  program: Command,
  actions: PlanActions,
  { withSettings, flagsOf }: { withSettings(command: Command): Command; flagsOf(command: Command): Flags },
): void {
  const plan = program
    .command('plan')
    .description('show where the layers of a model would go, how fast it would be, and why; nothing is loaded')
    .argument('<model>', 'name or GGUF file; or a JSON file of figures, for a model that is not there')
    .option('--nodes <file>', 'JSON file of imagined nodes, or the example six-macs, instead of the nodes of the mesh')
    .addOption(
      new Option(
        '--strategy <strategy>',
        'memory: no node fuller than need be; speed: least time a token; throughput: most for many at once',
      )
        .choices(['memory', 'speed', 'throughput'])
        .default('speed'),
    )
    .addOption(new Option('--lane <lane>', 'what its speed is judged by').choices(['interactive', 'batch']).default('interactive'))
    .option('--split <number>', 'exactly so many stages', stageCount)
    .option('--only <node>', 'use these nodes alone; repeat it for more', collect)
    .option('--exclude <node>', 'leave a node out; repeat it for more', collect)
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExample, with nodes and a model that nobody needs to have:\n  pippa-agent plan llama-3.1-405b --nodes six-macs\n',
    );
  withSettings(plan).action(() => actions.plan(flagsOf(plan), plan.args[0] ?? '', plan.opts<PlanOptions>()));
}

function stageCount(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= MAX_STAGES) return number;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_STAGES}.`);
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
