import qrcode from 'qrcode';
import { callAgent } from '../control/client.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import {
  approveOperation,
  inviteOperation,
  kickOperation,
  leaveOperation,
  statusOperation,
} from '../operations/mesh-operations.ts';
import { printable } from '../terminal/printable.ts';
import { painter } from '../terminal/terminal.ts';
import { inviteView, joinLine } from '../views/invite-view.ts';
import { statusView } from '../views/status-view.ts';
import { peers } from './peers.ts';
import { doctor } from './doctor.ts';
import type { CommandContext } from './context.ts';

export interface MeshCommandOptions {
  readonly json: boolean;
  readonly watch: boolean;
  readonly probe: boolean;
}

/** A command about the mesh: `words` as typed after its name. */
export type MeshCommand = (context: CommandContext, words: readonly string[], options: MeshCommandOptions) => Promise<ExitCode>;

const status: MeshCommand = async (context, _words, { json }) => {
  const { terminal, environment, paths, interrupts } = context;
  const report = await callAgent(paths.socket, statusOperation, {}, { signal: interrupts.asked });
  print(context, json, report, () => statusView(report, painter(terminal.stdout, environment)));
  return EXIT.ok;
};

const invite: MeshCommand = async (context, _words, { json }) => {
  const { terminal, environment, paths, interrupts } = context;
  const { code, open } = await callAgent(paths.socket, inviteOperation, {}, { signal: interrupts.asked });
  const line = joinLine(code);
  // A terminal's own colours may be either way round; with colours of its own the code is dark on light.
  const coloured = terminal.stdout.isTTY === true && (environment['NO_COLOR'] ?? '') === '';
  const qrCode = await qrcode.toString(line, { type: coloured ? 'terminal' : 'utf8', small: true, errorCorrectionLevel: 'L' });
  print(context, json, { code, line, open }, () => inviteView({ line, qrCode, open }, painter(terminal.stdout, environment)));
  return EXIT.ok;
};

const approve: MeshCommand = async (context, [name = ''], { json }) => {
  const { paths, interrupts } = context;
  const node = await callAgent(paths.socket, approveOperation, { name }, { signal: interrupts.asked });
  print(context, json, node, () => `${printable(node.name)} is let in.\n`);
  return EXIT.ok;
};

const leave: MeshCommand = async (context, _words, { json }) => {
  const { paths, interrupts } = context;
  await callAgent(paths.socket, leaveOperation, {}, { signal: interrupts.asked });
  print(context, json, { left: true }, () => 'This node has left the mesh. The others keep theirs.\n');
  return EXIT.ok;
};

const kick: MeshCommand = async (context, [name = ''], { json }) => {
  const { paths, interrupts } = context;
  const node = await callAgent(paths.socket, kickOperation, { name }, { signal: interrupts.asked });
  const told = `${printable(node.name)} is out. The mesh has a new key; codes given away before no longer work.\n`;
  print(context, json, node, () => told);
  return EXIT.ok;
};

export const meshCommands = { status, peers, doctor, invite, approve, leave, kick } satisfies Record<string, MeshCommand>;

function print({ terminal }: CommandContext, json: boolean, value: object, text: () => string): void {
  terminal.stdout.write(json ? `${JSON.stringify(value, undefined, 2)}\n` : text());
}
