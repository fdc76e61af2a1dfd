import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { connect } from '../conversation/connect.ts';
import { Conversation } from '../conversation/conversation.ts';
import type { Partner } from '../conversation/partner.ts';
import { printAnswer } from '../conversation/print-answer.ts';
import { Repl } from '../conversation/repl.ts';
import { painter } from '../terminal/terminal.ts';
import { readInput } from '../terminal/read-input.ts';
import type { CommandContext } from './context.ts';

/** `pippa-agent run`: one answer when there is a prompt, a conversation otherwise. */
export async function run(context: CommandContext, words: readonly string[]): Promise<ExitCode> {
  const { terminal, environment, paths, interrupts } = context;
  const { model, prompt } = splitWords(words);
  const piped = terminal.stdin.isTTY === true ? '' : await readInput(terminal.stdin, interrupts.asked);
  const question = [prompt, piped].filter((part) => part.trim() !== '').join('\n\n');
  const interactive = terminal.stdin.isTTY === true && terminal.stdout.isTTY === true;
  if (question === '' && !interactive) {
    throw new UsageError('There is no prompt.', {
      hint: 'Give one: pippa-agent run pippa-tiny "What is pippa-agent?", or pipe it in.',
    });
  }
  const partner = await connect(model, context, { mayAsk: question === '' });
  if (partner === undefined) return EXIT.interrupted;
  try {
    if (question !== '') return await answerOnce(partner, question, context);
    const paint = painter(terminal.stdout, environment);
    // The terminal is in raw mode now: Ctrl-C is a key there, and a signal only from outside.
    return await new Repl(partner, { terminal, paint, historyPath: paths.history, nowMs: () => performance.now() }).run();
  } finally {
    await partner.stop();
  }
}

/** `run "What is it?"` asks the default model: a single argument with a blank in it is a prompt, unless it is a file. */
export function splitWords(words: readonly string[]): { readonly model: string | undefined; readonly prompt: string } {
  const [first, ...rest] = words;
  if (first !== undefined && rest.length === 0 && /\s/.test(first) && !/\.gguf$/i.test(first))
    return { model: undefined, prompt: first };
  return { model: first, prompt: rest.join(' ') };
}

async function answerOnce(partner: Partner, question: string, context: CommandContext): Promise<ExitCode> {
  const { terminal, environment, interrupts } = context;
  const parts = new Conversation(partner).ask(question, interrupts.asked);
  const finish = await printAnswer(parts, terminal, painter(terminal.stderr, environment));
  if (finish?.reason === 'length') terminal.stderr.write('The answer was cut off: the context is full.\n');
  return EXIT.ok;
}
