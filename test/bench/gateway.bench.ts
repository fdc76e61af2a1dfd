import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MIB } from '@pippa/core';
import { stream, type StreamResult } from './gateway/client.ts';
import type { ServerReport } from './gateway/server.ts';
import { defineBench, type Figure } from './harness/define.ts';
import { measureQuietly } from './harness/quiet.ts';

const SERVER = fileURLToPath(new URL('gateway/server.ts', import.meta.url));
const STREAMS = 200;
const TOKENS_ALONE = 20_000;
const TOKENS_TOGETHER = 200;
/** 40 tokens a second each, 8,000 in all. */
const GAP_MS = 25;
/** Five seconds of tokens. */
const PACED_TOKENS = 200;
/** Every third stream is left somewhere on its way, and another one comes. */
const LEAVING = 3;

type State = Extract<ServerReport, { kind: 'state' }>;

async function askState(server: ChildProcess): Promise<State> {
  server.send('state');
  const [said] = (await once(server, 'message')) as [ServerReport];
  if (said.kind !== 'state') throw new Error('The server said something else.');
  return said;
}

export default defineBench({
  title: 'what the gateway costs a token, and 200 streams of which many are left',
  rounds: 5,
  async run({ rounds, patienceMs, log }) {
    const server = fork(SERVER, { execArgv: ['--disable-warning=ExperimentalWarning', '--expose-gc'] });
    try {
      const [hello] = (await once(server, 'message')) as [ServerReport];
      if (hello.kind !== 'listening') throw new Error('The server does not listen.');
      const { port } = hello;
      const costOf = async (work: () => Promise<readonly StreamResult[]>): Promise<number> => {
        const before = await askState(server);
        const results = await work();
        const after = await askState(server);
        return (after.cpuMs - before.cpuMs) / results.reduce((sum, { tokens }) => sum + tokens, 0);
      };
      const ours = (): number => processorMs(server.pid);
      const alone = () => costOf(async () => [await stream(port, { tokens: TOKENS_ALONE, gapMs: 0 })]);
      const together = () =>
        costOf(() => Promise.all(Array.from({ length: STREAMS }, () => stream(port, { tokens: TOKENS_TOGETHER, gapMs: GAP_MS }))));

      await alone();
      await together();
      const costs = { alone: [] as number[], together: [] as number[] };
      const spread: number[] = [];
      const starved: number[] = [];
      const left: number[] = [];
      const memory: number[] = [];
      const start = await askState(server);
      for (let round = 0; round < rounds; round++) {
        costs.alone.push((await measureQuietly(alone, { ours, patienceMs })).value);
        costs.together.push((await measureQuietly(together, { ours, patienceMs })).value);
        let results: readonly StreamResult[] = [];
        let gaps: readonly number[] = [];
        const paced = async (): Promise<number> => {
          results = await leavingStreams(port);
          gaps = results.flatMap((result) => result.gaps).sort((a, b) => a - b);
          return at(gaps, 0.99) / at(gaps, 0.5);
        };
        spread.push((await measureQuietly(paced, { ours, patienceMs })).value);
        starved.push(results.filter(({ complete, tokens }) => complete && tokens !== PACED_TOKENS).length);
        const state = await settled(server);
        left.push(state.activeGenerations + state.openConnections);
        memory.push((state.residentBytes - start.residentBytes) / MIB);
        log(`round ${round + 1} of ${rounds}: ${at(gaps, 0.5).toFixed(1)} ms at p50, ${at(gaps, 0.99).toFixed(1)} ms at p99`);
      }
      return [
        { name: 'one stream, processor time a token', unit: 'ms', samples: costs.alone, target: { atMost: 0.1 } },
        { name: `${STREAMS} streams, processor time a token`, unit: 'ms', samples: costs.together, target: { atMost: 0.1 } },
        { name: `${STREAMS} streams, time between tokens p99 / p50`, unit: 'x', samples: spread, target: { atMost: 3 } },
        { name: 'streams that missed tokens', unit: '', samples: starved, target: { atMost: 0 } },
        { name: 'generations and connections left behind', unit: '', samples: left, target: { atMost: 0 } },
        { name: 'memory more than at the start', unit: 'MiB', samples: memory },
      ] satisfies Figure[];
    } finally {
      server.disconnect();
      server.kill('SIGKILL');
    }
  },
});

/** As many streams at a time as there may be, a third of them left early. */
async function leavingStreams(port: number): Promise<readonly StreamResult[]> {
  const lane = async (index: number): Promise<StreamResult[]> => {
    if (index % LEAVING !== 0) return [await stream(port, { tokens: PACED_TOKENS, gapMs: GAP_MS })];
    const leaveAfter = 1 + ((index * 37) % (PACED_TOKENS / 2));
    const first = await stream(port, { tokens: PACED_TOKENS, gapMs: GAP_MS, leaveAfter });
    return [first, await stream(port, { tokens: PACED_TOKENS, gapMs: GAP_MS, leaveAfter: PACED_TOKENS - leaveAfter })];
  };
  return (await Promise.all(Array.from({ length: STREAMS }, (_, index) => lane(index)))).flat();
}

/** The state once nothing is under way any more, or after a while what is left. */
async function settled(server: ChildProcess): Promise<State> {
  for (let tries = 0; ; tries++) {
    const state = await askState(server);
    if (state.activeGenerations + state.openConnections === 0 || tries === 100) return state;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What a process has used; 0 where the system does not tell. */
function processorMs(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return 0;
  }
}

const at = (sorted: readonly number[], share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
