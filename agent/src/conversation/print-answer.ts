import type { Paint, Terminal } from '../terminal/terminal.ts';
import type { AnswerPart } from './partner.ts';

export type Finish = Extract<AnswerPart, { kind: 'finish' }>;

/**
 * Writes an answer as it comes: its text to stdout and nothing else, so that it can be piped; the model's reasoning, dimmed, to a
 * terminal's stderr. Resolves with the end, or rejects as the parts do; the line is ended either way.
 */
export async function printAnswer(parts: AsyncIterable<AnswerPart>, terminal: Terminal, paint: Paint): Promise<Finish | undefined> {
  let finish: Finish | undefined;
  let lineOpen = false;
  let reasoning = false;
  try {
    for await (const part of parts) {
      if (part.kind === 'finish') finish = part;
      else if (part.kind === 'text') {
        if (reasoning) terminal.stderr.write('\n\n');
        reasoning = false;
        terminal.stdout.write(part.text);
        lineOpen = !part.text.endsWith('\n');
      } else if (terminal.stderr.isTTY === true && terminal.stdout.isTTY === true) {
        reasoning = true;
        terminal.stderr.write(paint('dim', part.text));
      }
    }
  } finally {
    if (reasoning) terminal.stderr.write('\n');
    if (lineOpen) terminal.stdout.write('\n');
  }
  return finish;
}
