import type { Paint } from '../terminal/terminal.ts';

export interface Invitation {
  /** What to type on the other machine. */
  readonly line: string;
  /** The line as a QR code, some lines of blocks. */
  readonly qrCode: string;
  /** Nobody needs a code. */
  readonly open: boolean;
}

export function joinLine(code: string): string {
  return `npx pippa-agent --join ${code}`;
}

/** What `pippa-agent invite` prints. */
export function inviteView({ line, qrCode, open }: Invitation, paint: Paint): string {
  const parts = [
    'Type this on the other machine:',
    `  ${paint(['bold', 'cyan'], line)}`,
    qrCode.trimEnd(),
    paint('dim', 'The code is the key of the mesh. Whoever has it is in: show it to nobody else.'),
    ...(open ? [paint('yellow', 'The mesh is open (--open): on this network nobody needs a code.')] : []),
  ];
  return `\n${parts.join('\n\n')}\n\n`.replaceAll(/^(?=.)/gm, '  ');
}
