import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Generated, NodeCommand, NodeFacts, NodeReport, ToldToken } from './mesh-node-messages.ts';

const ENTRY = join(import.meta.dirname, 'mesh-node.ts');

/** Why a node of a test did not do what it was told; `reason` is the name of the product's error, '' where there was none. */
export class RemoteNodeError extends Error {
  readonly reason: string;

  constructor(message: string, reason: string) {
    super(message);
    this.reason = reason;
  }
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onToken: ((told: ToldToken) => void) | undefined;
}

/** A node in another process. */
export class RemoteNode implements AsyncDisposable {
  readonly name: string;
  /** Where other nodes find it, once it has started. */
  addresses: readonly string[] = [];
  /** Who it is, once it has started. */
  peer = '';
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;

  /** `machine`: the network namespace to run in; left out: this one. */
  constructor(name: string, machine?: string) {
    this.name = name;
    this.#child = fork(ENTRY, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
      ...(machine === undefined ? {} : { execPath: 'ip', execArgv: ['netns', 'exec', machine, process.execPath] }),
    });
    this.#child.on('message', (report: NodeReport) => {
      const waiting = this.#waiting.get(report.id);
      if ('told' in report) {
        waiting?.onToken?.(report.told);
        return;
      }
      this.#waiting.delete(report.id);
      if ('error' in report) waiting?.reject(new RemoteNodeError(`${this.name}: ${report.error}`, report.reason));
      else waiting?.resolve(report.value);
    });
    this.#child.on('exit', () => {
      for (const waiting of this.#waiting.values()) waiting.reject(new RemoteNodeError(`${this.name} ended.`, 'ended'));
      this.#waiting.clear();
    });
  }

  get processId(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** `path`: of the model; left out: the one it was started with. */
  generate(prompt: readonly number[], maxTokens: number, logprobs = -1, path?: string): Promise<Generated> {
    const of = path === undefined ? {} : { path };
    return this.ask({ kind: 'generate', prompt, maxTokens, logprobs, ...of }) as Promise<Generated>;
  }

  facts({ collect = false }: { readonly collect?: boolean } = {}): Promise<NodeFacts> {
    return this.ask({ kind: 'facts', collect }) as Promise<NodeFacts>;
  }

  /** Milliseconds of processor time so far (Linux; 0 elsewhere). */
  cpuMs(): number {
    try {
      const fields = readFileSync(`/proc/${this.processId}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10;
    } catch {
      return 0;
    }
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  /** Rejects with `RemoteNodeError`. `onToken`: told of each token of a `generate`. */
  ask(
    command: NodeCommand,
    { onToken, signal }: { readonly onToken?: (told: ToldToken) => void; readonly signal?: AbortSignal } = {},
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.hasEnded) {
        reject(new RemoteNodeError(`${this.name} has ended.`, 'ended'));
        return;
      }
      const id = (this.#nextId += 1);
      this.#waiting.set(id, { resolve, reject, onToken });
      this.#child.send({ id, command });
      signal?.addEventListener('abort', () => void this.ask({ kind: 'cancel', id }).catch(() => {}), { once: true });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.hasEnded) return;
    const ended = once(this.#child, 'exit');
    await this.ask({ kind: 'stop' }).catch(() => {});
    this.#child.kill();
    await ended;
  }
}
