import { EventEmitter } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../src/cli.ts';
import type { ExitCode } from '../src/exit-codes.ts';
import type { NodeReport } from '../src/operations/node-report.ts';
import { fakeTerminal, type FakeTerminal } from './support/fake-terminal.ts';

let directory: string;
const running: Agent[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-agents-'));
  await writeFile(join(directory, 'config.toml'), '');
});
afterEach(async () => {
  for (const agent of running.splice(0).toReversed()) await agent.stop();
  await rm(directory, { recursive: true });
});

interface Agent {
  readonly terminal: FakeTerminal;
  readonly state: string;
  readonly banner: string;
  stop(): Promise<void>;
}

function cli(words: readonly string[], terminal: FakeTerminal, signals = new EventEmitter()): Promise<ExitCode> {
  return runCli({ words, environment: { PIPPA_CONFIG: join(directory, 'config.toml') }, terminal, signals });
}

/** An agent on the loopback, which finds others by address alone: multicast is not to be had everywhere. */
async function start(name: string, ...words: string[]): Promise<Agent> {
  const terminal = fakeTerminal({ isTTY: false });
  const signals = new EventEmitter();
  const state = join(directory, name);
  const own = [
    '--name',
    name,
    '--state-dir',
    state,
    '--model',
    'none',
    '--port',
    '0',
    '--mesh-port',
    '0',
    '--interface',
    'lo',
    '--interface',
    'lo0',
  ];
  const code = cli([...own, ...words], terminal, signals);
  const banner = await Promise.race([terminal.stdout.waitFor('Ctrl-C'), code.then(() => '')]);
  if (banner === '') throw new Error(`${name} did not start: ${terminal.stderr.text}`);
  const agent = {
    terminal,
    state,
    banner,
    async stop() {
      signals.emit('SIGINT', 'SIGINT');
      await code;
    },
  };
  running.push(agent);
  return agent;
}

async function ask(agent: Agent, ...words: string[]): Promise<string> {
  const terminal = fakeTerminal({ isTTY: false });
  const code = await cli([...words, '--state-dir', agent.state], terminal);
  if (code !== 0) throw new Error(terminal.stderr.text);
  return terminal.stdout.text;
}

async function report(agent: Agent): Promise<NodeReport> {
  return JSON.parse(await ask(agent, 'status', '--json')) as NodeReport;
}

async function addressOf(agent: Agent): Promise<string> {
  const { mesh } = await report(agent);
  const address = mesh.state === 'on' ? mesh.addresses.find((each) => each.includes('/127.0.0.1/')) : undefined;
  if (address === undefined) throw new Error(`${agent.state} has no address.`);
  return address;
}

async function codeOf(agent: Agent): Promise<string> {
  return (JSON.parse(await ask(agent, 'invite', '--json')) as { code: string }).code;
}

describe('agents in a mesh', () => {
  it('join by code, see each other, and tell when one goes and comes back', async () => {
    const anna = await start('anna', '--mesh', 'new');
    expect(anna.banner).toMatch(/mesh +anna alone so far/);
    const joining = ['--join', await codeOf(anna), '--peer', await addressOf(anna)];
    const ben = await start('ben', ...joining);
    await anna.terminal.stdout.waitFor(/\+ ben is here/);
    const seen = await report(ben);
    expect(seen.peers).toMatchObject([{ state: 'alive', card: { name: 'anna' }, link: { tier: 0, interfaceType: 'loopback' } }]);
    expect(await ask(anna, 'status')).toMatch(/a mesh of 2 nodes[\s\S]*anna[\s\S]*ben/);
    running.splice(running.indexOf(ben), 1);
    await ben.stop();
    await anna.terminal.stdout.waitFor(/- ben is gone/);
    // The key is kept: no code is needed again.
    await start('ben', '--peer', await addressOf(anna));
    await anna.terminal.stdout.waitFor(/\+ ben is back/);
  });

  it('let one in without a code, once a person has compared the words', async () => {
    const anna = await start('anna', '--mesh', 'new');
    const ben = await start('ben', '--peer', await addressOf(anna));
    const asked = await anna.terminal.stdout.waitFor(/ben wants to join and shows the words .*\./);
    const words = /shows the words (.*?)\. Same/.exec(asked)?.[1] ?? 'none';
    expect(await ask(ben, 'status')).toContain(`words: ${words}`);
    await expect(ask(ben, 'invite')).rejects.toThrow(/in no mesh/);
    expect(await ask(anna, 'approve', 'ben')).toContain('ben is let in.');
    await ben.terminal.stdout.waitFor('This node is in the mesh');
    await anna.terminal.stdout.waitFor(/\+ ben is here/);
    expect(await codeOf(ben)).toBe(await codeOf(anna));
  });

  it('let one in at another member than the one that it asked', async () => {
    const anna = await start('anna', '--mesh', 'new');
    const ben = await start('ben', '--join', await codeOf(anna), '--peer', await addressOf(anna));
    await anna.terminal.stdout.waitFor(/\+ ben is here/);
    const carl = await start('carl', '--peer', await addressOf(anna));
    await ben.terminal.stdout.waitFor(/carl wants to join/);
    expect(await ask(ben, 'status')).toContain('carl wants to join');
    expect(await ask(ben, 'approve', 'carl')).toContain('carl is let in.');
    await carl.terminal.stdout.waitFor('This node is in the mesh');
    await ben.terminal.stdout.waitFor(/\+ carl is here/);
    await expect.poll(async () => (await report(ben)).pendingJoins).toEqual([]);
  });

  it('give up a mesh of their own for the one of a code, but not one with companions', async () => {
    const anna = await start('anna', '--mesh', 'new');
    const first = await start('ben', '--mesh', 'new');
    running.splice(running.indexOf(first), 1);
    await first.stop();
    const ben = await start('ben', '--join', await codeOf(anna), '--peer', await addressOf(anna));
    await anna.terminal.stdout.waitFor(/\+ ben is here/);
    expect(await codeOf(ben)).toBe(await codeOf(anna));
    running.splice(running.indexOf(ben), 1);
    await ben.stop();
    const carl = await start('carl', '--mesh', 'new');
    await expect(start('ben', '--join', await codeOf(carl))).rejects.toThrow(/in another mesh[\s\S]*pippa-agent leave/);
  });

  it('put one out, and change the key for the others', async () => {
    const anna = await start('anna', '--mesh', 'new');
    const code = await codeOf(anna);
    const ben = await start('ben', '--join', code, '--peer', await addressOf(anna));
    await anna.terminal.stdout.waitFor(/\+ ben is here/);
    expect(await ask(anna, 'kick', 'ben')).toContain('ben is out');
    await expect.poll(async () => (await report(anna)).peers.filter(({ state }) => state !== 'dead')).toEqual([]);
    expect(await codeOf(anna)).not.toBe(code);
    await expect.poll(async () => (await report(ben)).peers.filter(({ state }) => state !== 'dead')).toEqual([]);
  });

  it('leave, and are a mesh of their own', async () => {
    const anna = await start('anna', '--mesh', 'new');
    const code = await codeOf(anna);
    const ben = await start('ben', '--join', code, '--peer', await addressOf(anna));
    await anna.terminal.stdout.waitFor(/\+ ben is here/);
    await ask(ben, 'leave');
    expect(await codeOf(ben)).not.toBe(code);
    await anna.terminal.stdout.waitFor(/- ben is gone/);
  });

  it('say what is wrong with a code, an address or a port, and start without the network where that is in the way', async () => {
    await expect(start('anna', '--join', 'K3QF')).rejects.toThrow(/4 letters and digits instead of 28/);
    await expect(start('anna', '--peer', 'http://x')).rejects.toThrow(/"http:\/\/x" is no address/);
    await writeFile(join(directory, 'anna', 'identity.key'), 'nonsense', { mode: 0o600 }).catch(() => undefined);
    const anna = await start('anna', '--mesh', 'new');
    expect(anna.banner).toMatch(/mesh +not there: .*identity.* is damaged/);
    expect(await ask(anna, 'status')).toContain('No mesh: ');
  });

  it('keep their identity and key to themselves', async () => {
    const anna = await start('anna', '--mesh', 'new');
    for (const file of ['identity.key', 'mesh.json']) expect((await stat(join(anna.state, file))).mode & 0o777).toBe(0o600);
  });

  it('stay alone when told to', async () => {
    const anna = await start('anna', '--mesh', 'off');
    expect(anna.banner).toMatch(/mesh +off/);
    expect(await ask(anna, 'status')).toContain('No mesh: it was started with --mesh off.');
  });
});
