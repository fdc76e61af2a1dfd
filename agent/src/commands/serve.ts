import { formatDuration, type Logger } from '@pippa/core';
import { isLoopbackAddress } from '@pippa/gateway';
import { startAgent, type RunningAgent } from '../agent.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { aborted } from '../interrupts.ts';
import { readMachine, type Machine } from '../machine.ts';
import { banner } from '../terminal/banner.ts';
import { withProgress } from '../terminal/progress-line.ts';
import { painter } from '../terminal/terminal.ts';
import type { CommandContext } from './context.ts';

/** `pippa-agent`: serves until the first signal, then lets running answers finish; the second signal ends it at once. */
export async function serve(context: CommandContext): Promise<ExitCode> {
  const { terminal, environment, interrupts, logger } = context;
  const machine = await readMachine();
  const agent = await start(context, machine);
  const paint = painter(terminal.stdout, environment);
  const { apiKey, host } = context.settings;
  const facts = { version: context.version, url: agent.url, needsKey: apiKey !== undefined || !isLoopbackAddress(host) };
  terminal.stdout.write(banner({ ...facts, models: agent.models, machine }, paint));
  await aborted(interrupts.asked);
  return drain(agent, context, logger);
}

function start(context: CommandContext, machine: Machine): Promise<RunningAgent> {
  const { settings, version, paths, environment, interrupts, logger } = context;
  return withProgress('Loading', context, (onProgress) =>
    startAgent(settings, { version, paths, environment, machine, logger, onProgress, signal: interrupts.asked }),
  );
}

async function drain(agent: RunningAgent, { terminal, interrupts }: CommandContext, logger: Logger): Promise<ExitCode> {
  const started = performance.now();
  if (terminal.stderr.isTTY === true) terminal.stderr.write('\nFinishing the answers under way. Ctrl-C again stops at once.\n');
  const stopped = agent.stop().then(() => true);
  const done = await Promise.race([stopped, aborted(interrupts.insisted).then(() => false)]);
  if (!done) return EXIT.interrupted;
  logger.info({ scope: 'agent' }, `stopped after ${formatDuration(performance.now() - started)}`);
  return EXIT.ok;
}
