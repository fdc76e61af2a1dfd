import { EventEmitter } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, type GenerationEvent, type Startable, type TokenGenerator } from '@pippa/core';
import { PlacementRefusedError } from '@pippa/ring';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { measureModel } from '../src/bench/measure-model.ts';
import { runCli } from '../src/cli.ts';
import { implement } from '../src/control/contract.ts';
import { createControlServer } from '../src/control/server.ts';
import { benchOperation } from '../src/operations/bench-operation.ts';
import { meshOperations } from '../src/operations/mesh-operations.ts';
import { downOperation, upOperation, type RingReport } from '../src/operations/ring-operations.ts';
import { FakeAdministration } from './support/fake-administration.ts';
import { fakeTerminal } from './support/fake-terminal.ts';

const NAME = 'org/Model-With-A-Long-Name:Q4_K_M';
const [SELF, OTHER] = ["Anna's Mac Studio", 'ben'] as const;
const figures = {
  decodeRate: 12,
  prefillRate: 300,
  firstTokenMs: { p50: 250, p99: 400 },
  networkShare: 0.1,
  concurrency: [
    { streams: 1, rate: 12 },
    { streams: 8, rate: 30 },
  ],
  tokens: 64,
  promptTokens: 512,
};

let directory: string;
let server: Startable;
/** What was asked of the agent, in order. */
let asked: unknown[];
/** The model's ring. */
let ring: RingReport | undefined;
let isKept: boolean;
/** A ring of two stages loses a node while it is measured. */
let isMoving: boolean;

function ringOver(nodes: readonly string[]): RingReport {
  const size = 8 / nodes.length;
  const stages = nodes.map((node, index) => ({ node, from: size * index, to: size * (index + 1), memoryBytes: 1 }));
  const idle = { running: 0, waiting: 0, predictedTokensPerSecond: 10, measuredTokensPerSecond: 0 };
  return { ring: 'r', model: NAME, state: 'ready', conductor: SELF, stages, contextTokens: 4096, parallelSequences: 4, ...idle };
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-bench-'));
  [asked, ring, isKept, isMoving] = [[], undefined, false, false];
  const administration = new FakeAdministration();
  const operations = [
    ...meshOperations({ version: '0.1.0', url: () => undefined, mesh: () => ({ state: 'on', administration }) }),
    implement(downOperation, ({ forget }) => {
      asked.push(['down', forget]);
      const taken = ring === undefined ? [] : [{ ring: ring.ring, model: NAME, isKept }];
      ring = undefined;
      return taken;
    }),
    implement(upOperation, ({ stages = 1, nodes, keep }) => {
      asked.push(['up', stages, keep]);
      if (stages > 2)
        throw new PlacementRefusedError(`${stages} stages need ${stages} nodes; there are 2.`, { hint: 'Ask for 2.' });
      ring = ringOver(nodes ?? [SELF, OTHER].slice(0, stages));
      return ring;
    }),
    implement(benchOperation, (_plan, { emit }) => {
      emit({ fraction: 0.5, message: 'decoding' });
      ring ??= ringOver([SELF]);
      if (isMoving && ring.stages.length > 1) ring = ringOver([OTHER]);
      const decodeRate = ring.stages.length === 1 ? 16 : 12;
      return { figures: { ...figures, decodeRate }, ring, otherRings: 0 };
    }),
  ];
  server = createControlServer({ socketPath: join(directory, 'agent.sock'), operations, version: '0.1.0', logger: silentLogger });
  await server.start();
});
afterEach(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

async function bench(...words: readonly string[]): Promise<{ code: number; out: string; error: string }> {
  const terminal = fakeTerminal({ isTTY: false });
  const config = join(directory, 'config.toml');
  await writeFile(config, '');
  const environment = { PIPPA_CONFIG: config, PIPPA_STATE_DIR: directory };
  const code = await runCli({ words: ['bench', 'model', ...words], environment, terminal, signals: new EventEmitter() });
  return { code, out: terminal.stdout.text, error: terminal.stderr.text };
}

describe('pippa-agent bench', () => {
  it('measures the model as it runs, and touches nothing', async () => {
    const { code, out } = await bench();
    expect(code).toBe(0);
    expect(asked).toEqual([]);
    expect(out).toContain(NAME);
    expect(out).toMatch(/Anna's Mac Studio 0-7 +16 t\/s good +1\.00x +300 t\/s +250 ms good +10% +-/);
    expect(out).toMatch(/10 t\/s predicted +p99 400 ms/);
    expect(out).toMatch(/1 STREAM +8 STREAMS\n.* 12 t\/s +30 t\/s/);
  });

  it('measures every placement asked for, tells those that cannot be, and leaves the model as loaded as it was', async () => {
    [ring, isKept] = [ringOver([SELF]), true];
    const { code, out } = await bench('--stages', '1,3', '--nodes', `${OTHER},${SELF}`);
    expect(code).toBe(1);
    expect(asked.filter((each) => (each as unknown[])[0] === 'up')).toEqual([
      ['up', 1, false],
      ['up', 3, false],
      ['up', 2, false],
      ['up', 1, true],
    ]);
    // What was to come back after a restart still does.
    expect(asked).toContainEqual(['down', false]);
    expect(asked).not.toContainEqual(['down', true]);
    expect(out).toMatch(/ben 0-3 +12 t\/s fair +0\.75x.*\nAnna's Mac Studio 4-7 +10 t\/s predicted/);
    expect(out).toContain('✗ 3 stages: 3 stages need 3 nodes; there are 2.\n  Ask for 2.');
    for (const line of out.split('\n').slice(0, 6)) expect(line.length).toBeLessThanOrEqual(90);
  });

  it('does not take the figures of one placement for those of another', async () => {
    isMoving = true;
    const { code, out } = await bench('--stages', '2,1');
    expect(code).toBe(1);
    expect(out).toMatch(/✗ 2 stages: .* it runs on ben 0-7 now\./);
    expect(out).toMatch(/Anna's Mac Studio 0-7 +16 t\/s good/);
  });

  it('unloads nothing when a name or a number is wrong', async () => {
    for (const words of [
      ['--nodes', 'nobody'],
      ['--nodes', ','],
      ['--stages', '1,x'],
      ['--tokens', '1'],
      ['--concurrency', '1,100'],
    ]) {
      const { code, error } = await bench(...words);
      expect(code).toBeGreaterThan(0);
      expect(error).toMatch(/^error: \S.*\n/);
    }
    expect(asked).toEqual([]);
  });

  it('gives JSON with the marks, and a drawing', async () => {
    const svg = join(directory, 'bench.svg');
    const { out } = await bench('--stages', '1,2', '--json', '--svg', svg);
    expect(JSON.parse(out)).toMatchObject({
      model: NAME,
      marks: { goodRate: 15, slowRate: 8, firstTokenMs: 300 },
      placements: [
        { kind: 'measured', figures: { decodeRate: 16 } },
        { kind: 'measured', placement: ["Anna's Mac Studio 0-3", 'ben 4-7'], figures: { decodeRate: 12 } },
      ],
    });
    const drawing = await readFile(svg, 'utf8');
    for (const text of ['>15<', '>8<', '>300<', '>ben 4-7<', '8 streams: 30', '10 predicted']) expect(drawing).toContain(text);
  });
});

it('the rate of one stream among several is that of one alone: neither counts the prompt', async () => {
  let nowMs = 0;
  const generator: TokenGenerator = {
    contextTokens: 4096,
    async *generate({ maxTokens }) {
      for (let position = 0; position < maxTokens; position += 1) {
        nowMs += position === 0 ? 1000 : 50;
        yield { kind: 'token', token: 1, position } satisfies GenerationEvent;
      }
    },
  };
  const plan = { tokens: 21, promptTokens: 100, rounds: 1, concurrency: [1] };
  const parts = { vocabularySize: 1000, nowMs: () => nowMs, random: () => 0.5, onProgress: () => {} };
  const measured = await measureModel(generator, plan, { ...parts, signal: new AbortController().signal });
  expect(measured).toMatchObject({ decodeRate: 20, prefillRate: 100, firstTokenMs: { p50: 1000, p99: 1000 } });
  expect(measured.concurrency).toEqual([{ streams: 1, rate: 20 }]);
});
