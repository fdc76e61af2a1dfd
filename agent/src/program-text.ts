import type { Command } from 'commander';
import type { TextOptions } from './commands/text.ts';
import type { Flags } from './program.ts';

export interface TextActions {
  text(flags: Flags, words: readonly string[], options: TextOptions): Promise<void>;
}

const gather = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** `text <operation>`. `withSettings` gives a command its settings, `flagsOf` reads all its flags. */
export function addTextCommand(
  program: Command,
  actions: TextActions,
  { withSettings, flagsOf }: { withSettings(command: Command): Command; flagsOf(command: Command): Flags },
): void {
  const text = program
    .command('text')
    .description('correct, translate, sum up ... a text from stdin; without an operation it lists those there are')
    .argument('[operation]', 'its name, or several that follow each other: correct+title')
    .argument('[text...]', 'the text, instead of stdin')
    .option('--var <name=value>', 'a variable of the operation, such as to=German; repeat it for more', gather, [])
    .option('--use <model>', 'name of the model')
    .option('--json', 'the list as JSON');
  withSettings(text).action(() => {
    const { var: variables, use, json } = text.opts<{ var: readonly string[]; use?: string; json?: boolean }>();
    return actions.text(flagsOf(text), text.args, { variables, model: use, json: json === true });
  });
}
