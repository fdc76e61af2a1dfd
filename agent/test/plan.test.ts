import { EventEmitter } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelNotFoundError, modelId, silentLogger, type CardRing } from '@pippa/core';
import { manifestOf, readGgufModel } from '@pippa/gguf';
import { writeTinyModel } from '@pippa/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../src/cli.ts';
import { implement } from '../src/control/contract.ts';
import { createControlServer } from '../src/control/server.ts';
import { meshOperations } from '../src/operations/mesh-operations.ts';
import { manifestOperation } from '../src/operations/ring-operations.ts';
import { FakeAdministration } from './support/fake-administration.ts';
import { fakeTerminal } from './support/fake-terminal.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-plan-'));
  await writeFile(join(directory, 'config.toml'), '');
  await writeTinyModel(join(directory, 'tiny.gguf'));
});
afterAll(() => rm(directory, { recursive: true }));

async function plan(...words: readonly string[]): Promise<{ code: number; out: string; error: string }> {
  const terminal = fakeTerminal({ isTTY: false });
  terminal.stdin.end();
  const environment = { PIPPA_CONFIG: join(directory, 'config.toml'), PIPPA_STATE_DIR: join(directory, 'state') };
  const code = await runCli({ words: ['plan', ...words], environment, terminal, signals: new EventEmitter() });
  return { code, out: terminal.stdout.text, error: terminal.stderr.text };
}

async function nodesFile(content: unknown): Promise<string> {
  const path = join(directory, 'nodes.json');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

test('a model is placed on this machine when no agent runs', async () => {
  const { code, out } = await plan(join(directory, 'tiny.gguf'));
  expect(code).toBe(0);
  expect(out).toMatch(/1 node of this machine/);
  expect(out).toMatch(/\b0-7 +\S+ [KM]B /);
  expect(out).toContain('runs on one node alone');
});

test('with an agent running, the living nodes of its mesh are planned for, as their cards say', async () => {
  await mkdir(join(directory, 'running'), { mode: 0o700 });
  const administration = new FakeAdministration();
  const header = await readGgufModel(join(directory, 'tiny.gguf'));
  const operations = [
    ...meshOperations({ version: '0.1.0', url: () => undefined, mesh: () => ({ state: 'on', administration }) }),
    implement(manifestOperation, ({ model }) => {
      if (model !== 'elsewhere') throw new ModelNotFoundError(model, ['elsewhere']);
      return manifestOf(header, { name: model, id: modelId('e'.repeat(64)) });
    }),
  ];
  const socketPath = join(directory, 'running/agent.sock');
  const server = createControlServer({ socketPath, operations, version: '0.1.0', logger: silentLogger });
  await server.start();
  try {
    const state = ['--state-dir', join(directory, 'running')];
    const { code, out } = await plan(join(directory, 'tiny.gguf'), ...state, '--split', '2');
    expect(code).toBe(0);
    expect(out).toContain("2 nodes of the mesh of Anna's Mac Studio");
    expect(out).toMatch(/^Anna's Mac Studio +\d/m);
    expect(out).toMatch(/^ben +\d/m);
    const { model, stages } = JSON.parse((await plan(join(directory, 'tiny.gguf'), ...state, '--split', '2', '--json')).out) as {
      readonly model: { readonly id: string };
      readonly stages: CardRing['stages'];
    };
    const [ring] = administration.card.rings;
    if (ring === undefined) throw new Error('The sample has a ring.');
    administration.card = {
      ...administration.card,
      rings: [{ ...ring, model: modelId(model.id), stages, measuredTokensPerSecond: 77 }],
    };
    expect((await plan(join(directory, 'tiny.gguf'), ...state, '--split', '2')).out).toMatch(/one answer +77\.0 tokens\/s/);
    // A model that the agent or one of its peers has, and this command does not find.
    const elsewhere = await plan('elsewhere', ...state, '--only', 'ben');
    expect(elsewhere.out).toMatch(/^elsewhere[\s\S]*^ben +0-7 /m);
    const nowhere = await plan('nowhere', ...state);
    expect(nowhere).toMatchObject({ code: 1, error: expect.stringContaining('There is no model "nowhere"') });
    const alone = await plan(join(directory, 'tiny.gguf'), ...state, '--only', 'ben');
    expect(alone.out).toMatch(/^ben +0-7 /m);
  } finally {
    await server.stop();
  }
});

test("the notebook's six Macs hold a model of 405 billion weights, split when it must be", async () => {
  const { code, out } = await plan('llama-3.1-405b', '--nodes', 'six-macs', '--exclude', 'ultra-1', '--context', '16384');
  expect(code).toBe(0);
  expect(out).toMatch(/^Llama-3\.1-405B-Instruct:Q4_K_M {2}126 layers, 226\.8 GB, 4 x 16384 tokens, 6 nodes of six-macs\.json/);
  expect(out).toContain('ultra-2');
  expect(out).not.toMatch(/^ultra-1/m);
  const split = await plan('llama-3.1-405b', '--nodes', 'six-macs', '--split', '3', '--strategy', 'memory');
  expect(split.out).toContain('3 stages, as asked for.');
  expect(split.out).toContain('laptop-m4 is on Wi-Fi and holds no stage');
});

test('what does not fit is told with what would help, and fails', async () => {
  const nodes = await nodesFile({ nodes: [{ name: 'mini', chip: 'Apple M4', memoryGb: 32, freeGb: 10 }] });
  const { code, out } = await plan('llama-3.1-405b', '--nodes', nodes);
  expect(code).toBe(1);
  expect(out).toMatch(/needs \d+\.\d GB .* mini has 10\.0 GB free/);
  expect(out).toMatch(/→ Add a node with \d+\.\d GB/);
});

test('a context that nobody asked for shrinks until the model fits, one that was asked for does not', async () => {
  const nodes = await nodesFile({ nodes: [{ name: 'studio', memoryGb: 300, budgetGb: 233, bandwidthGbs: 800 }] });
  expect((await plan('llama-3.1-405b', '--nodes', nodes)).out).toContain('4 x 2048 tokens');
  const asked = await plan('llama-3.1-405b', '--nodes', nodes, '--context', '8192');
  expect(asked.code).toBe(1);
  expect(asked.out).toMatch(/Ask for a context of \d+ tokens instead of 8192/);
});

test('as JSON it is the whole answer', async () => {
  const { out } = await plan('llama-3.1-405b', '--nodes', 'six-macs', '--split', '2', '--json');
  expect(JSON.parse(out)).toMatchObject({
    model: { name: 'Llama-3.1-405B-Instruct:Q4_K_M', layerCount: 126 },
    source: 'six-macs.json',
    wish: { strategy: 'speed', contextTokens: 8192, split: 2 },
    kind: 'placed',
    stages: [{ from: 0 }, { to: 126, memory: { total: expect.any(Number) } }],
    predicted: { decodeTokensPerSecond: expect.any(Number) },
  });
});

const node = { name: 'a', memoryGb: 8, bandwidthGbs: 100 };

test.each<[what: string, content: unknown, error: RegExp]>([
  ['no JSON', '{', /nodes\.json is no JSON/],
  ['no nodes', { nodes: [] }, /nodes\.json, nodes: /],
  ['a wrong size', { nodes: [{ ...node, memoryGb: -1 }] }, /nodes\.json, nodes\[0\]\.memoryGb: /],
  ['an unknown field', { nodes: [{ ...node, memory: 8 }] }, /nodes\.json, nodes\[0\]: .*memory/],
  ['a name twice', { nodes: [node, node] }, /nodes\[1\]\.name: "a" comes twice/],
  [
    'a chip that is not known',
    { nodes: [{ name: 'b', chip: 'Ryzen', memoryGb: 8 }] },
    /with the chip "Ryzen" needs its bandwidthGbs/,
  ],
  ['a link to nowhere', { nodes: [node], links: [{ between: ['a', 'b'], link: 'wifi' }] }, /there is no node "b"/],
])('a file of nodes with %s is refused with the place', async (_what, content, error) => {
  const result = await plan('llama-3.1-405b', '--nodes', await nodesFile(content));
  expect(result).toMatchObject({ code: 2, out: '' });
  expect(result.error).toMatch(error);
});

test.each<[what: string, words: string[], error: RegExp]>([
  ['a file that is not there', ['llama-3.1-405b', '--nodes', 'seven-macs'], /There is no file seven-macs\.[\s\S]*six-macs/],
  ['a model that is not there', ['no-such-model', '--nodes', 'six-macs'], /no-such-model/],
  ['a node that is not there', ['llama-3.1-405b', '--nodes', 'six-macs', '--only', 'ultra-3'], /There is no node "ultra-3"/],
  ['a strategy that is not there', ['llama-3.1-405b', '--strategy', 'luck'], /memory, speed, throughput/],
  ['a split into nothing', ['llama-3.1-405b', '--split', '0'], /whole number from 1 to 64/],
])('%s is told', async (_what, words, error) => {
  const result = await plan(...words);
  expect(result.code).not.toBe(0);
  expect(result.error).toMatch(error);
});

test('figures of a model that make no sense are refused with the place', async () => {
  const path = join(directory, 'model.json');
  await writeFile(path, JSON.stringify({ name: 'x', quantisation: 'Q4_0', layers: 0 }));
  const result = await plan(path, '--nodes', 'six-macs');
  expect(result).toMatchObject({ code: 2 });
  expect(result.error).toMatch(/model\.json, (parameters|layers): /);
});
