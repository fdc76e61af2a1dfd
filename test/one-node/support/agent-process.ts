import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../../..', import.meta.url));
const sourceBin = join(repository, 'agent/bin/pippa-agent.mjs');

/** How to start the agent: from the repository when left out. */
export interface AgentCommand {
  readonly file: string;
  readonly words: readonly string[];
}

const fromSource: AgentCommand = { file: process.execPath, words: ['--disable-warning=ExperimentalWarning', sourceBin] };

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  /** Resolves with stdout so far when it holds `wanted`; rejects when the process ends before. */
  printed(wanted: RegExp): Promise<string>;
}

/** Starts the command line in a home of its own, so that nothing configured on this machine shows. */
export async function startCommand(
  words: readonly string[],
  { command = fromSource, environment = {} }: { readonly command?: AgentCommand; readonly environment?: NodeJS.ProcessEnv } = {},
): Promise<Started> {
  const home = await mkdtemp(join(tmpdir(), 'pippa-home-'));
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(PIPPA_|XDG_|NODE_OPTIONS|FORCE_COLOR|VITEST)/.test(name)),
  );
  const child = spawn(command.file, [...command.words, ...words], {
    env: { ...inherited, HOME: home, PIPPA_MESH: 'off', ...environment },
  });
  const output = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      for (const watch of watchers) watch();
    });
  }
  const ended = once(child, 'close').then(async ([code, signal]: (number | NodeJS.Signals | null)[]): Promise<Ended> => {
    await rm(home, { recursive: true, force: true });
    for (const watch of watchers) watch();
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, ...output };
  });
  const printed = (wanted: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const watch = (): void => {
        if (wanted.test(output.stdout)) resolve(output.stdout);
        else if (child.exitCode !== null)
          reject(new Error(`The agent ended with ${child.exitCode}: ${output.stdout}${output.stderr}`));
        else return;
        watchers.delete(watch);
      };
      watchers.add(watch);
      watch();
    });
  return { process: child, ended, printed };
}

/** Runs the command line to its end; `input` is piped in. */
export async function runCommand(
  words: readonly string[],
  {
    input = '',
    ...options
  }: { readonly input?: string; readonly command?: AgentCommand; readonly environment?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  const { process: child, ended } = await startCommand(words, options);
  child.stdin.end(input);
  return ended;
}

export interface ServingAgent extends AsyncDisposable {
  /** `http://127.0.0.1:54321` */
  readonly url: string;
  readonly port: number;
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  readonly banner: string;
}

/** A serving agent on a free port. Disposing stops it. */
export async function serveAgent(
  words: readonly string[] = [],
  options: Parameters<typeof startCommand>[1] = {},
): Promise<ServingAgent> {
  const { process: child, ended, printed } = await startCommand(['--port', '0', ...words], options);
  const banner = await printed(/Ctrl-C stops/);
  const url = /https?:\/\/[\d.]+:(\d+)/.exec(banner);
  if (url === null) throw new Error(`The banner holds no address: ${banner}`);
  return {
    url: url[0],
    port: Number(url[1]),
    process: child,
    ended,
    banner,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
