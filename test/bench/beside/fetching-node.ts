import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ENTRY = join(import.meta.dirname, 'fetching-process.ts');

/** What the process is told on its command line, as JSON; the key as hexadecimal digits. */
export interface FetchingOptions {
  readonly directory: string;
  readonly key: string;
  readonly peers: readonly string[];
}

/** A node in another process that does nothing but fetch. */
export class FetchingNode implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(options: FetchingOptions): Promise<FetchingNode> {
    const child = fork(ENTRY, [JSON.stringify(options)], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
    });
    await once(child, 'message');
    return new FetchingNode(child);
  }

  /** Settles once pieces come. `stop` gives what came until then, in megabytes a second. */
  async fetch(): Promise<{ stop(): Promise<number> }> {
    this.#child.send('fetch');
    await once(this.#child, 'message');
    return {
      stop: async () => {
        this.#child.send('stop');
        const [rate]: unknown[] = await once(this.#child, 'message');
        return Number(rate);
      },
    };
  }

  cpuMs(): number {
    try {
      const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10;
    } catch {
      return 0;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
