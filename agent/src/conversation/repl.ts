import { errorMessage, formatDuration, PippaError } from '@pippa/core';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Paint, Terminal } from '../terminal/terminal.ts';
import { Conversation } from './conversation.ts';
import { HISTORY_LINES, readHistory, writeHistory } from './history-file.ts';
import { LineReader, type Input } from './line-reader.ts';
import type { Partner } from './partner.ts';
import { printAnswer, type Finish } from './print-answer.ts';
import { parseSlashCommand, slashHelp, type ObeyedCommand } from './slash-commands.ts';

const PROMPT = '> ';
const CONTINUATION = '. ';

export interface ReplOptions {
  readonly terminal: Terminal;
  readonly paint: Paint;
  readonly historyPath: string;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

interface LastAnswer {
  readonly finish: Finish;
  readonly durationMs: number;
}

/** An interactive conversation, until `/exit`, Ctrl-D, or Ctrl-C twice. */
export class Repl {
  readonly #conversation: Conversation;
  readonly #partner: Partner;
  readonly #options: ReplOptions;
  #last: LastAnswer | undefined;

  constructor(partner: Partner, options: ReplOptions) {
    this.#partner = partner;
    this.#conversation = new Conversation(partner);
    this.#options = options;
  }

  async run(): Promise<ExitCode> {
    const { terminal, paint, historyPath } = this.#options;
    const reader = new LineReader(terminal, await readHistory(historyPath), HISTORY_LINES);
    this.#say(`${paint('bold', this.#partner.model)} ${this.#partner.place}. /help tells what you can do.\n`);
    try {
      return await this.#loop(reader);
    } finally {
      reader.close();
      await writeHistory(historyPath, reader.history);
    }
  }

  async #loop(reader: LineReader): Promise<ExitCode> {
    const { paint } = this.#options;
    let earlier = '';
    let interrupted = false;
    for (;;) {
      const input: Input = await reader.next(paint('cyan', earlier === '' ? PROMPT : CONTINUATION));
      if (input.kind === 'end') {
        this.#say('\n');
        return EXIT.ok;
      }
      if (input.kind === 'interrupt') {
        const somethingTyped = reader.pending !== '' || earlier !== '';
        if (interrupted && !somethingTyped) {
          this.#say('\n');
          return EXIT.interrupted;
        }
        reader.discard();
        earlier = '';
        interrupted = !somethingTyped;
        this.#say(interrupted ? paint('dim', '\n(Ctrl-C again leaves)\n') : '\n');
        continue;
      }
      interrupted = false;
      if (input.text.endsWith('\\')) {
        earlier += `${input.text.slice(0, -1)}\n`;
        continue;
      }
      const text = earlier + input.text;
      earlier = '';
      if (text.trim() === '') continue;
      const command = parseSlashCommand(text);
      if (command?.kind === 'exit') return EXIT.ok;
      if (command === undefined) interrupted = await this.#answer(text, reader);
      else this.#obey(command);
    }
  }

  /** True when Ctrl-C stopped the answer: the next one then leaves. */
  async #answer(question: string, reader: LineReader): Promise<boolean> {
    const { terminal, paint, nowMs } = this.#options;
    const stopped = new AbortController();
    const startMs = nowMs();
    const dropped = this.#conversation.droppedMessages;
    try {
      const parts = this.#conversation.ask(question, stopped.signal);
      const finish = await reader.during(
        () => printAnswer(parts, terminal, paint),
        () => stopped.abort(),
      );
      if (finish !== undefined) this.#last = { finish, durationMs: nowMs() - startMs };
      if (finish?.reason === 'length') this.#note('The answer was cut off: the context is full. /clear starts afresh.');
    } catch (error) {
      if (stopped.signal.aborted) this.#note('Stopped.');
      else this.#complain(error);
    }
    if (this.#conversation.droppedMessages > dropped)
      this.#note('The beginning of the conversation no longer fits the context and was left out.');
    this.#say('\n');
    return stopped.signal.aborted;
  }

  #obey(command: ObeyedCommand): void {
    switch (command.kind) {
      case 'help':
        this.#say(slashHelp());
        return;
      case 'clear':
        this.#conversation.clear();
        this.#note('Forgotten.');
        return;
      case 'system':
        this.#conversation.setSystem(command.text.trim());
        this.#note(command.text.trim() === '' ? 'No system prompt.' : 'The model will keep to that.');
        return;
      case 'stats':
        this.#note(this.#last === undefined ? 'No answer yet.' : describe(this.#last));
        return;
      case 'unknown': {
        const suggestion =
          command.suggestion === undefined ? '/help lists those there are.' : `Did you mean ${command.suggestion}?`;
        this.#note(`There is no command ${command.name}. ${suggestion}`);
      }
    }
  }

  #complain(error: unknown): void {
    const hint = error instanceof PippaError && error.hint !== undefined ? ` ${error.hint}` : '';
    this.#options.terminal.stderr.write(`${this.#options.paint('red', errorMessage(error))}${hint}\n`);
  }

  #note(text: string): void {
    this.#say(`${this.#options.paint('dim', text)}\n`);
  }

  #say(text: string): void {
    this.#options.terminal.stdout.write(text);
  }
}

function describe({ finish, durationMs }: LastAnswer): string {
  const rate = (finish.generatedTokens / durationMs) * 1000;
  return (
    `${finish.promptTokens} tokens read, ${finish.generatedTokens} written in ${formatDuration(durationMs)} ` +
    `(${rate.toFixed(1)} tokens/s from question to end).`
  );
}
