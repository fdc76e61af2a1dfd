import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A command that runs for as long as something is to be heard from it. */
export interface Program {
  onLine(listener: (line: string) => void): void;
  /** Settles when it has ended, or could not be run at all. */
  readonly ended: Promise<void>;
  /** Writes a line to its stdin. */
  send(line: string): void;
  /** Ends its stdin and, if that does not end it, the command. */
  stop(): void;
}

/** Runs a command. Nothing is thrown for one that is not there: it has ended then. */
export type StartProgram = (command: string, words: readonly string[]) => Program;

export const startProgram: StartProgram = (command, words) => {
  const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'ignore'], env: { ...process.env, LC_ALL: 'C' } });
  const ended = new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('exit', () => resolve());
  });
  // It may be gone already.
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout });
  // Whatever it waits for must not keep this process.
  child.unref();
  return {
    onLine: (listener) => void lines.on('line', listener),
    ended,
    send: (line) => void child.stdin.write(`${line}\n`),
    stop() {
      child.stdin.end();
      child.kill();
    },
  };
};
