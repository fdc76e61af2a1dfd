import { diagnose } from '../doctor/diagnose.ts';
import { gatherFacts } from '../doctor/gather-facts.ts';
import { EXIT } from '../exit-codes.ts';
import { painter } from '../terminal/terminal.ts';
import { doctorView } from '../views/doctor-view.ts';
import type { MeshCommand } from './mesh-commands.ts';

/** `pippa-agent doctor`: what is in the way, and what to do about it. Exits with 1 when something does not work. */
export const doctor: MeshCommand = async (context, _words, { json }) => {
  const { terminal, environment } = context;
  const findings = diagnose(await gatherFacts(context));
  const text = json ? `${JSON.stringify(findings, undefined, 2)}\n` : doctorView(findings, painter(terminal.stdout, environment));
  terminal.stdout.write(text);
  return findings.some(({ level }) => level === 'problem') ? EXIT.failure : EXIT.ok;
};
