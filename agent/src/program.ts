import { Command, Option } from 'commander';
import { EXIT } from './exit-codes.ts';
import { didYouMean } from '@pippa/core';
import { addKeyCommands, type KeyActions } from './program-keys.ts';
import { addPlanCommand, type PlanActions } from './program-plan.ts';
import { addBenchCommand, type BenchActions } from './program-bench.ts';
import { addRingCommands, type RingActions } from './program-rings.ts';
import { addTextCommand, type TextActions } from './program-text.ts';
import { MESH_COMMANDS, type MeshCommandName } from './program-mesh.ts';
import { SETTINGS, type SettingDefinition, type SettingKey } from './settings/schema.ts';
import { usage } from './settings/texts.ts';
import { columns } from './terminal/columns.ts';

/** Flags as typed: settings by key, and `config`. */
export type Flags = Readonly<Record<string, unknown>>;

export interface Actions extends BenchActions, KeyActions, PlanActions, RingActions, TextActions {
  serve(flags: Flags): Promise<void>;
  run(flags: Flags, words: readonly string[]): Promise<void>;
  models(flags: Flags, options: { readonly json: boolean }): Promise<void>;
  trace(flags: Flags, id: string | undefined, options: { readonly json: boolean }): Promise<void>;
  show(flags: Flags, model: string, options: { readonly json: boolean }): Promise<void>;
  pull(flags: Flags, references: readonly string[]): Promise<void>;
  rm(flags: Flags, models: readonly string[]): Promise<void>;
  mesh(name: MeshCommandName, flags: Flags, words: readonly string[], options: MeshOptions): Promise<void>;
}

export interface MeshOptions {
  readonly json: boolean;
  readonly watch: boolean;
  readonly probe: boolean;
}

const RUN_SETTINGS: readonly SettingKey[] = [
  'autoPull',
  'modelDir',
  'host',
  'port',
  'apiKey',
  'stateDir',
  'context',
  'threads',
  'stages',
  'logLevel',
];
const PULL_SETTINGS: readonly SettingKey[] = ['logLevel'];
const MODELS_SETTINGS: readonly SettingKey[] = ['modelDir', 'stateDir', 'logLevel'];
/** Where the running agent is. */
const REMOTE_SETTINGS: readonly SettingKey[] = ['host', 'port', 'apiKey', 'stateDir', 'logLevel'];
/** What a plan depends on, besides the model and the nodes. */
const PLAN_SETTINGS: readonly SettingKey[] = ['modelDir', 'context', 'parallel', 'stateDir', 'logLevel'];
const KEYS_SETTINGS: readonly SettingKey[] = ['stateDir', 'logLevel'];

/** The command line: what there is and which action it calls. Parsing throws commander's errors. */
export function createProgram(version: string, actions: Actions): Command {
  const program = new Command('pippa-agent');
  program
    .description('Answers OpenAI requests with language models on your own machine. Without a command it serves.')
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError('(pippa-agent --help lists commands and options)')
    .addHelpText('after', afterHelp())
    .allowExcessArguments();
  addSettings(program, SETTINGS);
  program.action(() => {
    const [word] = program.args;
    if (word !== undefined) {
      const names = program.commands.flatMap((command) => [command.name(), ...command.aliases()]);
      program.error(`error: there is no command "${word}".${didYouMean(word, names)}`, { code: 'commander.unknownCommand' });
    }
    return actions.serve(program.opts());
  });

  const serve = program.command('serve').alias('start').description('serve the models over HTTP (what happens without a command)');
  addSettings(serve, SETTINGS).action(() => actions.serve(flagsOf(serve)));

  const run = program
    .command('run')
    .description('talk to a model: a conversation, or one answer when a prompt is given or piped in')
    .argument('[model]', 'name or GGUF file; the running agent answers when it has the model')
    .argument('[prompt...]', 'what to ask');
  addSettings(run, pick(RUN_SETTINGS)).action(() => actions.run(flagsOf(run), run.args));

  const models = program
    .command('models')
    .aliases(['list', 'ls'])
    .description('list the models on this machine')
    .option('--json', 'as JSON');
  addSettings(models, pick(MODELS_SETTINGS)).action(() =>
    actions.models(flagsOf(models), { json: models.opts()['json'] === true }),
  );

  const trace = program
    .command('trace')
    .description("show where a request's time went, or the last requests")
    .argument('[request id]', 'the x-request-id of its answer')
    .option('--json', 'as JSON');
  addSettings(trace, pick(REMOTE_SETTINGS)).action(() =>
    actions.trace(flagsOf(trace), trace.args[0], { json: trace.opts()['json'] === true }),
  );

  const show = program
    .command('show')
    .description('what a model is, what it takes in memory and disk, and where it lies')
    .argument('<model>', 'name or GGUF file')
    .option('--json', 'as JSON');
  addSettings(show, pick(MODELS_SETTINGS)).action(() =>
    actions.show(flagsOf(show), show.args[0] ?? '', { json: show.opts()['json'] === true }),
  );

  const pull = program
    .command('pull')
    .description("get models into the agent's own folder; one that was broken off goes on where it stopped")
    .argument('<model...>', 'hf:org/repo[:quant], hf:org/repo/file.gguf, llama3.2:1b, an address or a file')
    .addHelpText('after', afterPullHelp());
  addSettings(pull, pick(PULL_SETTINGS)).action(() => actions.pull(flagsOf(pull), pull.args));

  const rm = program
    .command('rm')
    .description("delete models from the agent's own folder; files of other tools are never touched")
    .argument('<model...>', 'names of models');
  addSettings(rm, pick(MODELS_SETTINGS)).action(() => actions.rm(flagsOf(rm), rm.args));
  addPlanCommand(program, actions, { withSettings: (command) => addSettings(command, pick(PLAN_SETTINGS)), flagsOf });
  addTextCommand(program, actions, { withSettings: (command) => addSettings(command, pick(REMOTE_SETTINGS)), flagsOf });
  const settings = pick(KEYS_SETTINGS);
  addKeyCommands(program, actions, { withSettings: (command) => addSettings(command, settings), flagsOf });
  // Their own options have names of settings, but mean this one call.
  const overSocket = {
    withSettings: (command: Command) => addSettings(command, settings),
    flagsOf: (command: Command) => only(flagsOf(command), KEYS_SETTINGS),
  };
  addRingCommands(program, actions, overSocket);
  addBenchCommand(program, actions, overSocket);

  for (const { name, description, argument, options, settings } of MESH_COMMANDS) {
    const command = program.command(name).description(description);
    if (argument !== undefined) command.argument(...argument);
    for (const option of options) command.option(...option);
    addSettings(command, pick(settings)).action(() => {
      const { json, watch, probe } = command.opts();
      const options = { json: json === true, watch: watch === true, probe: probe === true };
      return actions.mesh(name, flagsOf(command), command.args, options);
    });
  }
  return program;
}

/** A command's own flags over those that stand before it, of the commands that it belongs to. */
function flagsOf(command: Command): Flags {
  return { ...(command.parent === null ? {} : flagsOf(command.parent)), ...command.opts() };
}

/** Flags of these settings, and the configuration file's. */
function only(flags: Flags, keys: readonly SettingKey[]): Flags {
  return Object.fromEntries(Object.entries(flags).filter(([key]) => key === 'config' || keys.some((each) => each === key)));
}

function pick(keys: readonly SettingKey[]): readonly SettingDefinition[] {
  return SETTINGS.filter((setting) => keys.includes(setting.key));
}

function addSettings(command: Command, settings: readonly SettingDefinition[]): Command {
  for (const setting of settings) {
    const suffix = setting.default === '' ? '' : ` (default: ${setting.default})`;
    const option = new Option(usage(setting), setting.meaning + suffix);
    if (setting.kind === 'list')
      option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
    command.addOption(option);
  }
  return command.option('--config <file>', 'configuration file (TOML) instead of the usual one');
}

function afterPullHelp(): string {
  const examples = [
    ['pippa-agent pull hf:Qwen/Qwen3-8B-GGUF', 'of the Hugging Face hub, in the usual quantisation'],
    ['pippa-agent pull hf:Qwen/Qwen3-8B-GGUF:Q8_0', 'in another one'],
    ['pippa-agent pull llama3.2:1b', "of Ollama's registry"],
    ['pippa-agent pull https://example.com/model.gguf', 'of any server'],
  ];
  const variables = [
    ['HF_TOKEN', 'token for repositories that are not open to everybody'],
    ['HF_ENDPOINT, OLLAMA_REGISTRY', 'mirrors to use instead of huggingface.co and registry.ollama.ai'],
    ['HTTPS_PROXY, HTTP_PROXY, NO_PROXY', 'proxies'],
  ];
  const indented = (rows: readonly (readonly string[])[]): string[] => columns(rows).map((line) => `  ${line}`);
  return ['', 'Examples:', ...indented(examples), '', 'Environment:', ...indented(variables), ''].join('\n');
}

function afterHelp(): string {
  const codes = [
    [EXIT.ok, 'done'],
    [EXIT.failure, 'failed; the error says what to do'],
    [EXIT.usage, 'the command line, environment or configuration file makes no sense'],
    [EXIT.interrupted, 'interrupted'],
  ] as const;
  const examples = [
    ['pippa-agent', 'serve the demo model'],
    ['pippa-agent --model ./model.gguf', 'serve your own'],
    ['pippa-agent run', 'talk to it'],
    ['pippa-agent invite', 'have another machine join'],
    ['cat notes.txt | pippa-agent run pippa-tiny "Sum it up:"', 'one answer'],
  ];
  return [
    '',
    'Every option can be set in the environment too (PIPPA_PORT=8080) or in the configuration file (port = 8080).',
    '',
    'Examples:',
    ...columns(examples).map((line) => `  ${line}`),
    '',
    'Exit codes:',
    ...codes.map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}`),
    '',
  ].join('\n');
}
