import { formatDuration, type Logger } from '@pippa/core';
import { isLoopbackAddress } from '@pippa/gateway';
import { isRemoteReference } from '@pippa/models';
import { startAgent, type RunningAgent } from '../agent.ts';
import type { RemovedShards } from '../engine/shard-cache.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { aborted } from '../interrupts.ts';
import { readMachine, type Machine } from '../machine.ts';
import { letNewSpaceGrow } from '../new-space.ts';
import { openLibrary } from '../library/open-library.ts';
import { pullMissing } from '../library/pull-missing.ts';
import { watchNotices, type MeshNotice } from '../mesh/notices.ts';
import type { Settings } from '../settings/schema.ts';
import { strangerPrompt } from '../terminal/ask-stranger.ts';
import { banner } from '../terminal/banner.ts';
import { withProgress } from '../terminal/progress-line.ts';
import { painter } from '../terminal/terminal.ts';
import { meshFacts, noticeLine } from '../views/mesh-lines.ts';
import { removedShardsLine } from '../views/removed-shards-line.ts';
import type { CommandContext } from './context.ts';

/** `pippa-agent`: serves until the first signal, then lets running answers finish; the second signal ends it at once. */
export async function serve(context: CommandContext): Promise<ExitCode> {
  const { terminal, environment, interrupts, logger } = context;
  const machine = await readMachine();
  const settings = await withModelsHere(context);
  const bannerPrinted = Promise.withResolvers<void>();
  const agent = await start({ ...context, settings }, machine, bannerPrinted.promise);
  const paint = painter(terminal.stdout, environment);
  const { apiKey, host } = context.settings;
  const facts = { version: context.version, url: agent.url, needsKey: apiKey !== undefined || !isLoopbackAddress(host) };
  const mesh = agent.mesh();
  terminal.stdout.write(
    banner({ ...facts, models: agent.models, waiting: agent.waiting, machine, mesh: meshFacts(mesh, paint) }, paint),
  );
  bannerPrinted.resolve();
  letNewSpaceGrow();
  const tell = (notice: MeshNotice): void => void terminal.stdout.write(`  ${noticeLine(notice, paint)}\n`);
  for (const { name, up } of agent.waiting) void up.then(() => terminal.stdout.write(`  ${paint('green', '+')} ${name} is up\n`));
  const stopNotices = mesh.state === 'on' ? watchNotices(mesh.administration, tell) : () => undefined;
  await aborted(interrupts.asked);
  stopNotices();
  return drain(agent, context, logger);
}

/** Models that were named by where they are to be had, under their names here. */
async function withModelsHere(context: CommandContext): Promise<Settings> {
  const { settings } = context;
  if (!settings.model.some(isRemoteReference)) return settings;
  const library = openLibrary(settings, context);
  const model: string[] = [];
  for (const name of settings.model) model.push(await pullMissing(name, library, context));
  return { ...settings, model };
}

function start(context: CommandContext, machine: Machine, ready: Promise<void>): Promise<RunningAgent> {
  const { settings, version, paths, environment, interrupts, logger, terminal } = context;
  const askStranger = strangerPrompt(terminal, { ready, interrupts });
  const onShardsRemoved = (removed: RemovedShards): void =>
    void ready.then(() => terminal.stdout.write(`  ${removedShardsLine(removed)}\n`));
  return withProgress('Loading', context, (onProgress) =>
    startAgent(settings, {
      version,
      paths,
      environment,
      machine,
      logger,
      askStranger,
      onProgress,
      onShardsRemoved,
      signal: interrupts.asked,
    }),
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
