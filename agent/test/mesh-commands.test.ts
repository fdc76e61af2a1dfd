import { EventEmitter } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, type Startable } from '@pippa/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../src/cli.ts';
import { createControlServer } from '../src/control/server.ts';
import type { ExitCode } from '../src/exit-codes.ts';
import type { MeshState } from '../src/mesh/mesh-administration.ts';
import { meshOperations } from '../src/operations/mesh-operations.ts';
import { FakeAdministration } from './support/fake-administration.ts';
import { fakeTerminal, type FakeTerminal } from './support/fake-terminal.ts';
import { samplePeer, sampleReport } from './support/sample-report.ts';

let directory: string;
let mesh: FakeAdministration;
let state: MeshState;
let server: Startable;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-mesh-commands-'));
  mesh = new FakeAdministration();
  state = { state: 'on', administration: mesh };
  const operations = meshOperations({ version: '0.1.0', url: () => 'http://127.0.0.1:11500', mesh: () => state });
  server = createControlServer({ socketPath: join(directory, 'agent.sock'), operations, version: '0.1.0', logger: silentLogger });
  await server.start();
});
afterEach(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

interface Command {
  readonly terminal: FakeTerminal;
  readonly signals: EventEmitter;
  readonly code: Promise<ExitCode>;
}

function command(words: readonly string[], isTTY = false): Command {
  const terminal = fakeTerminal({ isTTY });
  const signals = new EventEmitter();
  const config = join(directory, 'config.toml');
  const environment = { PIPPA_CONFIG: config, PIPPA_STATE_DIR: directory };
  const code = writeFile(config, '').then(() => runCli({ words, environment, terminal, signals }));
  return { terminal, signals, code };
}

async function outcome(...words: string[]): Promise<{ code: ExitCode; out: string; error: string }> {
  const { terminal, code } = command(words);
  return { code: await code, out: terminal.stdout.text, error: terminal.stderr.text };
}

describe('pippa-agent status', () => {
  it('shows nodes, memory, links, rings and who waits', async () => {
    const { code, out } = await outcome('status');
    expect(code).toBe(0);
    expect(out).toContain('a mesh of 3 nodes, none of which leads');
    expect(out).toMatch(/Anna's Mac Studio +Apple M3 Ultra[\s\S]*72\.0 of 192 GB/);
    expect(out).toMatch(/ben +Apple M3 Max .* Thunderbolt\n.*battery 63% +0\.31 ms, 2\.1 GB\/s/);
    expect(out).toContain('◐ suspect');
    expect(out).toMatch(/Llama-3\.3-70B-Instruct-Q4_K_M +Anna's Mac Studio 0-61[\s\S]*ben 62-79/);
    expect(out).toContain('dora wants to join and shows the words apple river stone');
  });

  it('gives the same as JSON', async () => {
    const report = JSON.parse((await outcome('status', '--json')).out) as unknown;
    expect(report).toMatchObject({
      mesh: { state: 'on', membership: { kind: 'member', open: false, missesOthers: false } },
      peers: [{ state: 'alive' }, { state: 'suspect' }],
    });
  });

  it('shows this node where there is no mesh, and why', async () => {
    state = { state: 'failed', reason: 'port 11501 is taken.', card: mesh.card };
    const { code, out } = await outcome('status');
    expect(code).toBe(0);
    expect(out).toMatch(/No mesh: port 11501 is taken\.[\s\S]*Anna's Mac Studio/);
  });

  it('lets no other node write to the terminal', async () => {
    mesh.currentPeers = [samplePeer('ben', { card: { name: 'ben\u001B[2J\u202Eevil', chip: '\u001B]0;x\u0007chip' } })];
    for (const words of [['status'], ['peers']]) {
      const { out } = await outcome(...words);
      expect(out).toContain('ben[2Jevil');
      // oxlint-disable-next-line no-control-regex
      expect(out).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u202E]/);
    }
  });
});

describe('pippa-agent peers', () => {
  it('measures the links anew when it is asked to', async () => {
    expect((await outcome('peers', '--probe')).out).toContain('THROUGHPUT');
    expect(mesh.done).toEqual(['probe']);
  });

  it('lists them with their links', async () => {
    const { out } = await outcome('peers');
    expect(out).toMatch(/ben +● alive +Thunderbolt +0\.31 ms +1\.2 ms +2\.1 GB\/s +0\.1\.0 +12D3KooWben/);
    mesh.currentPeers = [];
    expect((await outcome('peers')).out).toContain('No peers.');
    expect((await outcome('peers', '--json')).out).toBe('[]\n');
  });

  it('follows changes until Ctrl-C, over itself on a terminal', async () => {
    const { terminal, signals, code } = command(['peers', '--watch'], true);
    await terminal.stdout.waitFor('carl');
    mesh.changed([samplePeer('dora')]);
    const text = await terminal.stdout.waitFor('dora');
    expect(text).toContain('\u001B[3A\u001B[J');
    signals.emit('SIGINT', 'SIGINT');
    expect(await code).toBe(0);
    expect(terminal.stdout.text.endsWith('\u001B[?7h')).toBe(true);
  });

  it('follows changes as a line of JSON each, and leaves nothing behind in the agent', async () => {
    const { terminal, signals, code } = command(['peers', '--watch', '--json']);
    await terminal.stdout.waitFor('\n');
    mesh.changed([]);
    await terminal.stdout.waitFor('[]\n');
    const lines = terminal.stdout.text.trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as unknown[]).length)).toEqual([2, 0]);
    signals.emit('SIGINT', 'SIGINT');
    expect(await code).toBe(0);
    await expect.poll(() => mesh.watchers).toBe(0);
  });
});

describe('membership', () => {
  it('invites with a line to type and a QR code of it', async () => {
    const { code, out } = await outcome('invite');
    expect(code).toBe(0);
    expect(out).toContain('npx pippa-agent --join K3QF-7XWM-0000-0000-0000-0000-0000');
    expect(out).toMatch(/[█▀▄]{10}/);
    expect(JSON.parse((await outcome('invite', '--json')).out)).toEqual({
      code: 'K3QF-7XWM-0000-0000-0000-0000-0000',
      line: 'npx pippa-agent --join K3QF-7XWM-0000-0000-0000-0000-0000',
      open: false,
    });
  });

  it('approves, kicks and leaves', async () => {
    expect(await outcome('approve', 'Dora')).toMatchObject({ code: 0, out: 'dora is let in.\n' });
    expect(await outcome('kick', 'ben')).toMatchObject({ code: 0, out: expect.stringMatching(/^ben is out\./) });
    expect(await outcome('kick', sampleReport().peers[1]?.id ?? '')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^carl/),
    });
    expect(await outcome('leave')).toMatchObject({ code: 0 });
    expect(mesh.done).toEqual(['approve dora', 'kick ben', 'kick carl', 'leave']);
  });

  it('says who there is when nobody is meant, or several are', async () => {
    expect(await outcome('kick', 'bne')).toMatchObject({
      code: 1,
      error: expect.stringMatching(/no node "bne"\. Did you mean ben\?/),
    });
    expect(await outcome('approve', 'nobody')).toMatchObject({ code: 1, error: expect.stringContaining('There are dora.') });
    mesh.currentPeers = [samplePeer('ben'), { ...samplePeer('ben'), id: samplePeer('other').id }];
    expect(await outcome('kick', 'ben')).toMatchObject({
      code: 1,
      error: expect.stringMatching(/2 nodes .*"ben"\.\n.*by its id: 12D3/),
    });
    expect(mesh.done).toEqual([]);
  });

  it('wants to know whom', async () => {
    expect(await outcome('kick')).toMatchObject({ code: 2, error: expect.stringContaining("missing required argument 'node'") });
  });

  it('needs a mesh', async () => {
    state = { state: 'off', reason: 'it was started with --mesh off.', card: mesh.card };
    for (const words of [['invite'], ['approve', 'x'], ['kick', 'x'], ['leave'], ['peers', '--watch']]) {
      expect(await outcome(...words)).toMatchObject({ code: 1, error: expect.stringContaining('--mesh off') });
    }
  });

  it('needs a running agent', async () => {
    await server.stop();
    for (const words of [['status'], ['peers'], ['invite'], ['approve', 'x'], ['kick', 'x'], ['leave']]) {
      expect(await outcome(...words)).toMatchObject({
        code: 1,
        error: expect.stringMatching(/No agent is running here[\s\S]*Start it/),
      });
    }
  });
});

describe('pippa-agent doctor', () => {
  it('looks at the machine and the running agent, and at the machine alone without one', async () => {
    mesh.found = [{ code: 'version_mismatch', message: 'erik speaks version 9.' }];
    const { code, out } = await outcome('doctor', '--port', '0');
    expect(code).toBe(1);
    expect(out).toMatch(/✗ version +erik speaks version 9\.\n +→ Bring both/);
    await server.stop();
    const alone = await outcome('doctor', '--port', '0', '--json');
    const findings = JSON.parse(alone.out) as { check: string; level: string }[];
    expect(findings).toContainEqual(expect.objectContaining({ check: 'agent', level: 'note' }));
    expect(findings.map(({ check }) => check)).toContain('state');
  });
});
