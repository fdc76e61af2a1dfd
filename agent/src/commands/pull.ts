import { homedir } from 'node:os';
import { formatBytes, formatDuration, systemClock } from '@pippa/core';
import { explainProjector, pullModel } from '@pippa/models';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { InterruptedError } from '../errors.ts';
import { TransferLine } from '../terminal/transfer-line.ts';
import type { CommandContext } from './context.ts';

/** `pippa-agent pull`: gets models into the agent's own folder. */
export async function pull(context: CommandContext, references: readonly string[]): Promise<ExitCode> {
  for (const reference of references) await pullOne(reference, context);
  return EXIT.ok;
}

/** Throws the errors of `pullModel`; `InterruptedError` after Ctrl-C, once it has said how to go on. */
export async function pullOne(reference: string, context: CommandContext): Promise<string> {
  const { terminal, environment, paths, logger, interrupts } = context;
  const line = new TransferLine(reference, terminal, environment, () => systemClock.nowMs());
  const startedMs = systemClock.nowMs();
  let hereBytes = 0;
  try {
    const pulled = await pullModel(reference, {
      directory: paths.models,
      environment,
      home: homedir(),
      clock: systemClock,
      logger: logger.child({ scope: 'models' }),
      signal: interrupts.asked,
      onPlan: (plan, facts) => {
        hereBytes = facts.hereBytes;
        const files = plan.files.length === 1 ? '' : ` in ${plan.files.length} files`;
        const resumed = hereBytes === 0 ? '' : `, ${formatBytes(hereBytes)} of it here already`;
        terminal.stderr.write(`Pulling ${plan.name} from ${plan.from}: ${formatBytes(facts.totalBytes)}${files}${resumed}.\n`);
        const projector = explainProjector(plan);
        if (projector !== undefined) terminal.stderr.write(`${projector}\n`);
      },
      onProgress: (progress) => line.update(progress),
    });
    line.end();
    const took = pulled.wasHere
      ? 'it was here already'
      : `${formatBytes(pulled.bytes)} in ${formatDuration(systemClock.nowMs() - startedMs)}`;
    const next = pulled.isProjector ? 'It lies beside its model.' : `Talk to it: pippa-agent run ${pulled.name}`;
    terminal.stdout.write(`${pulled.name}: ${took}. ${next}\n`);
    return pulled.name;
  } catch (error) {
    line.end();
    if (!interrupts.asked.aborted) throw error;
    terminal.stderr.write('Stopped. What has come stays: the same command goes on from there.\n');
    throw new InterruptedError('The pull was stopped.', { cause: error });
  }
}
