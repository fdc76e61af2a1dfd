import type { Finding, Level } from '../doctor/facts.ts';
import { printable } from '../terminal/printable.ts';
import type { Paint } from '../terminal/terminal.ts';

const MARKS: Readonly<Record<Level, { readonly mark: string; readonly style: 'green' | 'blue' | 'yellow' | 'red' }>> = {
  ok: { mark: '✓', style: 'green' },
  note: { mark: '·', style: 'blue' },
  warning: { mark: '!', style: 'yellow' },
  problem: { mark: '✗', style: 'red' },
};

/** What `pippa-agent doctor` prints. */
export function doctorView(findings: readonly Finding[], paint: Paint): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, level, message, advice }) => {
    const { mark, style } = MARKS[level];
    return [
      `${paint(style, mark)} ${paint('dim', check.padEnd(width))}  ${printable(message)}`,
      ...(advice === undefined ? [] : [`${' '.repeat(width + 4)}${paint('cyan', '→')} ${printable(advice)}`]),
    ];
  });
  return `\n${lines.map((line) => `  ${line}`).join('\n')}\n\n  ${verdict(findings, paint)}\n\n`;
}

function verdict(findings: readonly Finding[], paint: Paint): string {
  const problems = findings.filter(({ level }) => level === 'problem').length;
  const warnings = findings.filter(({ level }) => level === 'warning').length;
  if (problems > 0) return paint('red', `${problems} ${problems === 1 ? 'problem' : 'problems'} to solve.`);
  if (warnings > 0) return paint('yellow', 'It works, but not as well as it could.');
  return paint('green', 'All is well.');
}
