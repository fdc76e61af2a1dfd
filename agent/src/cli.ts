import { inspect } from 'node:util';
import { errorMessage, PippaError } from '@pippa/core';
import { CommanderError, type Command } from 'commander';
import type { CommandContext } from './commands/context.ts';
import { InterruptedError, UsageError } from './errors.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { Interrupts, type SignalSource } from './interrupts.ts';
import { packageVersion } from './package-root.ts';
import { agentPaths } from './paths.ts';
import { createProgram, type Flags } from './program.ts';
import { loadSettings } from './settings/load.ts';
import { createLogger } from './terminal/log.ts';
import { painter, type Terminal } from './terminal/terminal.ts';

/** Everything that the command line touches of the process. */
export interface CliSurroundings {
  /** Without Node and the script. */
  readonly words: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly terminal: Terminal;
  readonly signals: SignalSource;
}

/** Runs one command line to its end. Never rejects: what goes wrong is on stderr, and in the code. */
export async function runCli({ words, environment, terminal, signals }: CliSurroundings): Promise<ExitCode> {
  const interrupts = new Interrupts(signals, () => performance.now());
  const version = packageVersion();
  let debugging = words.includes('debug') || environment['PIPPA_LOG_LEVEL'] === 'debug';
  let code: ExitCode = EXIT.ok;

  const prepare = async (flags: Flags): Promise<CommandContext> => {
    const { settings, given, warnings } = await loadSettings({ flags, environment, defaultConfigPath: agentPaths().config });
    const paths = agentPaths(settings.stateDir);
    debugging = settings.logLevel === 'debug';
    const logger = createLogger(settings.logLevel, terminal, environment);
    for (const warning of warnings) logger.warn({ scope: 'settings' }, warning);
    return { settings, given, paths, terminal, environment, logger, interrupts, version };
  };

  // A command's code is loaded when it is called: `--help` need not wait for the server's.
  const program = createProgram(version, {
    serve: async (flags) => {
      const { serve } = await import('./commands/serve.ts');
      code = await serve(await prepare(flags));
    },
    run: async (flags, rest) => {
      const { run } = await import('./commands/run.ts');
      code = await run(await prepare(flags), rest);
    },
    models: async (flags, options) => {
      const { models } = await import('./commands/models.ts');
      code = await models(await prepare(flags), options);
    },
    text: async (flags, words, options) => {
      const { text } = await import('./commands/text.ts');
      code = await text(await prepare(flags), words, options);
    },
    addKey: async (flags, name, options) => {
      const { addKey } = await import('./commands/keys.ts');
      code = await addKey(await prepare(flags), name, options);
    },
    listKeys: async (flags, options) => {
      const { listKeys } = await import('./commands/keys.ts');
      code = await listKeys(await prepare(flags), options);
    },
    revokeKey: async (flags, nameOrId) => {
      const { revokeKey } = await import('./commands/keys.ts');
      code = await revokeKey(await prepare(flags), nameOrId);
    },
    trace: async (flags, id, options) => {
      const { trace } = await import('./commands/trace.ts');
      code = await trace(await prepare(flags), id, options);
    },
    show: async (flags, model, options) => {
      const { show } = await import('./commands/show.ts');
      code = await show(await prepare(flags), model, options);
    },
    pull: async (flags, references) => {
      const { pull } = await import('./commands/pull.ts');
      code = await pull(await prepare(flags), references);
    },
    plan: async (flags, model, options) => {
      const { plan } = await import('./commands/plan.ts');
      code = await plan(await prepare(flags), model, options);
    },
    rm: async (flags, names) => {
      const { rm } = await import('./commands/rm.ts');
      code = await rm(await prepare(flags), names);
    },
    up: async (flags, model, options) => {
      const { up } = await import('./commands/rings.ts');
      code = await up(await prepare(flags), model, options);
    },
    down: async (flags, model, options) => {
      const { down } = await import('./commands/rings.ts');
      code = await down(await prepare(flags), model, options);
    },
    bench: async (flags, model, options) => {
      const { bench } = await import('./commands/bench.ts');
      code = await bench(await prepare(flags), model, options);
    },
    ps: async (flags, options) => {
      const { ps } = await import('./commands/rings.ts');
      code = await ps(await prepare(flags), options);
    },
    mesh: async (name, flags, rest, options) => {
      const { meshCommands } = await import('./commands/mesh-commands.ts');
      code = await meshCommands[name](await prepare(flags), rest, options);
    },
  });
  const output = {
    writeOut: (text: string) => void terminal.stdout.write(text),
    writeErr: (text: string) => void terminal.stderr.write(text),
  };
  for (const command of withDescendants(program)) command.configureOutput(output);
  try {
    await program.parseAsync(words, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return report(error, { terminal, environment, debugging });
  } finally {
    interrupts[Symbol.dispose]();
  }
}

/** A command and all below it. */
function withDescendants(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withDescendants)];
}

function report(
  error: unknown,
  { terminal, environment, debugging }: { terminal: Terminal; environment: NodeJS.ProcessEnv; debugging: boolean },
): ExitCode {
  if (error instanceof InterruptedError) return EXIT.interrupted;
  const paint = painter(terminal.stderr, environment);
  terminal.stderr.write(`${paint('red', 'error:')} ${errorMessage(error)}\n`);
  if (error instanceof PippaError && error.hint !== undefined) terminal.stderr.write(`${error.hint}\n`);
  if (debugging) terminal.stderr.write(`${inspect(error)}\n`);
  else if (!(error instanceof PippaError))
    terminal.stderr.write('This should not happen: --log-level debug shows where it comes from.\n');
  return error instanceof UsageError ? EXIT.usage : EXIT.failure;
}
