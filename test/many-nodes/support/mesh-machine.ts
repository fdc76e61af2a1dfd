import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TestNetwork } from './network.ts';

const PROGRAM = fileURLToPath(new URL('mesh-process.ts', import.meta.url));

export interface MachineEvent {
  readonly event: string;
  readonly atMs: number;
  readonly id?: string | number;
  readonly state?: string;
  readonly name?: string;
  readonly type?: string;
  readonly load?: number;
  readonly words?: string;
  readonly self?: string;
  readonly addresses?: readonly string[];
  readonly value?: unknown;
  readonly error?: string;
}

/** A node as a process on a machine of a `TestNetwork`. */
export class MeshMachine implements AsyncDisposable {
  readonly events: MachineEvent[] = [];
  readonly #process: ChildProcess;
  readonly #directory: string;
  readonly #listeners = new Set<(event: MachineEvent) => void>();
  #commands = 0;

  private constructor(child: ChildProcess, directory: string) {
    this.#process = child;
    this.#directory = directory;
    if (child.stdout === null) throw new Error('The process has no output.');
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = JSON.parse(line) as MachineEvent;
      this.events.push(event);
      for (const listener of this.#listeners) listener(event);
    });
    child.stderr?.on('data', (chunk: Buffer) => process.stderr.write(chunk));
  }

  static async start(network: TestNetwork, number: number, options: Record<string, unknown> = {}): Promise<MeshMachine> {
    const directory = await mkdtemp(join(tmpdir(), 'pippa-machine-'));
    const settings = JSON.stringify({ name: `m${number}`, directory, ...options });
    const [program = '', ...parameters] = network.command(number, [process.execPath, PROGRAM, settings]);
    const machine = new MeshMachine(spawn(program, parameters, { stdio: ['pipe', 'pipe', 'pipe'] }), directory);
    await machine.until(({ event }) => event === 'ready');
    return machine;
  }

  get self(): string {
    return this.events.find(({ event }) => event === 'ready')?.self ?? '';
  }

  /** The first event that fits, of those since `sinceMs` (wall clock) and those to come. */
  async until(
    fits: (event: MachineEvent) => boolean,
    options: { readonly sinceMs?: number; readonly timeoutMs?: number } = {},
  ): Promise<MachineEvent> {
    const { sinceMs = 0, timeoutMs = 15_000 } = options;
    const past = this.events.find((event) => event.atMs >= sinceMs && fits(event));
    if (past !== undefined) return past;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#listeners.delete(listener);
        reject(
          new Error(
            `No such event within ${timeoutMs} ms: ${fits.toString()}; there were ${JSON.stringify(this.events.slice(-10))}`,
          ),
        );
      }, timeoutMs);
      const listener = (event: MachineEvent): void => {
        if (!fits(event)) return;
        clearTimeout(timer);
        this.#listeners.delete(listener);
        resolve(event);
      };
      this.#listeners.add(listener);
    });
  }

  /** When this node first saw `other` in `state`, after `sinceMs`. */
  async sees(other: MeshMachine, state: string, sinceMs = 0): Promise<MachineEvent> {
    return this.until(
      ({ event, id, state: seen, name }) => event === 'peer' && id === other.self && seen === state && name !== undefined,
      { sinceMs },
    );
  }

  async tell(command: string, argument = ''): Promise<unknown> {
    const id = ++this.#commands;
    this.#process.stdin?.write(`${JSON.stringify({ id, command, argument })}\n`);
    const answer = await this.until((event) => event.event === 'answer' && event.id === id);
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.value;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) resolve();
      else this.#process.once('exit', () => resolve());
    });
    this.signal('SIGCONT');
    this.#process.stdin?.end();
    const timer = setTimeout(() => this.signal('SIGKILL'), 3_000);
    await ended;
    clearTimeout(timer);
    await rm(this.#directory, { recursive: true, force: true });
  }
}
