import { callAgent } from '../control/client.ts';
import { EXIT } from '../exit-codes.ts';
import { probeOperation, statusOperation, watchOperation } from '../operations/mesh-operations.ts';
import type { NodeReport } from '../operations/node-report.ts';
import { painter } from '../terminal/terminal.ts';
import { peersView } from '../views/peers-view.ts';
import type { MeshCommand } from './mesh-commands.ts';

/** A line that is cut off takes one row, so that the rows drawn are known. */
const WRAP_OFF = '\u001B[?7l';
const WRAP_ON = '\u001B[?7h';

/** `pippa-agent peers [--watch] [--probe]`: once, or again with every change until Ctrl-C. */
export const peers: MeshCommand = async ({ terminal, environment, paths, interrupts }, _words, { json, watch, probe }) => {
  const paint = painter(terminal.stdout, environment);
  if (!watch) {
    const operation = probe ? probeOperation : statusOperation;
    const report = await callAgent(paths.socket, operation, {}, { signal: interrupts.asked });
    terminal.stdout.write(json ? `${JSON.stringify(report.peers, undefined, 2)}\n` : peersView(report, paint));
    return EXIT.ok;
  }
  if (probe) await callAgent(paths.socket, probeOperation, {}, { signal: interrupts.asked });
  // For programs one line each time.
  const show = (report: NodeReport): string => (json ? `${JSON.stringify(report.peers)}\n` : peersView(report, paint));
  const redraws = terminal.stdout.isTTY === true && !json;
  if (redraws) terminal.stdout.write(WRAP_OFF);
  let drawn = 0;
  const draw = (report: NodeReport): void => {
    const text = show(report);
    // Up to where the last one began, and clear from there.
    terminal.stdout.write(`${redraws && drawn > 0 ? `\u001B[${drawn}A\u001B[J` : ''}${text}${redraws || json ? '' : '\n'}`);
    drawn = text.split('\n').length - 1;
  };
  try {
    await callAgent(paths.socket, watchOperation, {}, { onEvent: draw, signal: interrupts.asked });
  } catch (error) {
    // Ctrl-C is how watching ends.
    if (!interrupts.asked.aborted) throw error;
  } finally {
    if (redraws) terminal.stdout.write(WRAP_ON);
  }
  return EXIT.ok;
};
