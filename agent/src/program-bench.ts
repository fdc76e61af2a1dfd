import type { Command } from 'commander';

export interface BenchWords {
  readonly tokens: string;
  readonly prompt: string;
  readonly rounds: string;
  readonly concurrency: string;
  readonly stages?: string;
  readonly nodes?: readonly string[];
  readonly svg?: string;
  readonly json: boolean;
}

export interface BenchActions {
  bench(flags: Readonly<Record<string, unknown>>, model: string, words: BenchWords): Promise<void>;
}

/** The command that measures a model in the running mesh. */
export function addBenchCommand(
  program: Command,
  actions: BenchActions,
  {
    withSettings,
    flagsOf,
  }: {
    readonly withSettings: (command: Command) => Command;
    readonly flagsOf: (command: Command) => Readonly<Record<string, unknown>>;
  },
): void {
  const bench = program
    .command('bench')
    .description(
      'measure a model in the running mesh: decoding, long prompts, first token, many streams, and what the network takes',
    )
    .argument('<model>', 'name of a model; `models` lists them')
    .option('--tokens <number>', 'generated tokens of a measurement', '64')
    .option('--prompt <tokens>', 'length of the long prompt', '512')
    .option('--rounds <number>', 'how often each thing is measured; the median counts', '3')
    .option('--concurrency <numbers>', 'streams at once, with commas between', '1,2,4,8')
    .option('--stages <numbers>', 'bring the model up in so many stages, one number after the other: 1,2,3')
    .option('--nodes <names>', 'bring it up over these nodes, a stage each: names with commas between; repeat it for more', collect)
    .option('--svg <file>', 'draw the figures into a file')
    .option('--json', 'as JSON');
  withSettings(bench).action(() => {
    const { json, ...words } = bench.opts<BenchWords>();
    return actions.bench(flagsOf(bench), bench.args[0] ?? '', { ...words, json });
  });
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
