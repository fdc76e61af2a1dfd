import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { callAgent } from '../../agent/src/control/client.ts';
import { approveOperation, inviteOperation, statusOperation } from '../../agent/src/operations/mesh-operations.ts';
import type { NodeReport } from '../../agent/src/operations/node-report.ts';
import { repository, startCommand, type Started } from '../one-node/support/agent-process.ts';
import { prepareForSleep, releases, writeFakeLogind } from './support/fake-logind.ts';
import { TestNetwork, whyNoNetworks } from './support/network.ts';

const BIN = [process.execPath, '--disable-warning=ExperimentalWarning', join(repository, 'agent/bin/pippa-agent.mjs')];
const WIRED = { interface: 'eth0', ipv4: '10.78.0', ipv6: 'fd78' };
/** Whole agents on a machine that may be busy with other tests. */
const PATIENCE_MS = 120_000;

let network: TestNetwork;
let directory: string;
const started: Started[] = [];

const stateOf = (number: number): string => join(directory, String(number));

/** Runs the command line on a machine of the network, with that machine's state. */
function onMachine(number: number, words: readonly string[]): Promise<Started> {
  const [file = '', ...before] = network.command(number, BIN);
  const environment = {
    PIPPA_MESH: 'on',
    PIPPA_STATE_DIR: stateOf(number),
    PATH: `${join(directory, 'bin')}:${process.env['PATH']}`,
  };
  return startCommand(words, { command: { file, words: before }, environment });
}

async function serve(number: number, name: string, ...words: string[]): Promise<Started> {
  const agent = await onMachine(number, ['--name', name, '--log-level', 'debug', ...words]);
  started.push(agent);
  await agent.printed(/Ctrl-C stops/);
  return agent;
}

/** Sockets are files: they are reached from any network. */
const socketOf = (number: number): string => join(stateOf(number), 'agent.sock');

function report(number: number): Promise<NodeReport> {
  return callAgent(socketOf(number), statusOperation, {});
}

function states({ peers }: NodeReport): Record<string, string> {
  return Object.fromEntries(peers.map(({ card, id, state }) => [card?.name ?? id, state]));
}

const reason = await whyNoNetworks();

describe.skipIf(reason !== undefined)('agents on machines of their own', { timeout: PATIENCE_MS }, () => {
  let anna: Started;
  let ben: Started;
  let failed = false;
  afterEach(({ task }) => void (failed ||= task.result?.state === 'fail'));
  beforeAll(async () => {
    network = await TestNetwork.create(3, [WIRED]);
    directory = await mkdtemp(join(tmpdir(), 'pippa-many-agents-'));
    await writeFakeLogind(join(directory, 'bin'));
    anna = await serve(1, 'anna');
  }, PATIENCE_MS);
  afterAll(async () => {
    for (const { process: child } of started) child.kill('SIGTERM');
    const outputs = await Promise.all(started.map(({ ended }) => ended));
    if (failed) for (const { stdout, stderr } of outputs) console.log(`${stdout}${stderr}`);
    await network[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  }, PATIENCE_MS);

  it('begin a mesh, and find each other when one joins it by its code', async () => {
    const { code } = await callAgent(socketOf(1), inviteOperation, {});
    ben = await serve(2, 'ben', '--model', 'none', '--join', code);
    await anna.printed(/\+ ben is here/);
    await ben.printed(/ben with anna|\+ anna is here/);
    expect(await report(2)).toMatchObject({ peers: [{ state: 'alive', card: { name: 'anna', rings: [{ name: 'pippa-tiny' }] } }] });
  });

  it('answer for a model that another one has loaded', async () => {
    const { process: child, ended } = await onMachine(2, ['run', 'pippa-tiny', 'What is pippa-agent?']);
    child.stdin.end();
    expect(await ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/pippa-agent/) });
    expect((await report(2)).self.stages).toEqual([]);
  });

  it('tell which of them computed it, and for how long', async () => {
    const list = await (await onMachine(2, ['trace'])).ended;
    const id = /^(req_\S+) .*\/v1\/chat\/completions .*pippa-tiny$/m.exec(list.stdout)?.[1] ?? 'none';
    const { stdout } = await (await onMachine(2, ['trace', id])).ended;
    expect(stdout).toMatch(/answer 1: pippa-tiny, stop/);
    expect(stdout).toMatch(/stage 0 on anna +\d+\.\d ms +in \d+ steps/);
  });

  it('let a third one in by name, with the same words on both sides', async () => {
    const carl = await serve(3, 'carl', '--model', 'none');
    // Whichever of the two it asked: the other one knows, and may let it in.
    const asked = await anna.printed(/carl wants to join and shows the words .*\./);
    await ben.printed(/carl wants to join and shows the words .*\./);
    const words = /carl wants to join and shows the words (.*?)\. Same/.exec(asked)?.[1];
    expect((await report(3)).mesh).toMatchObject({ membership: { kind: 'asking', words } });
    await callAgent(socketOf(2), approveOperation, { name: 'carl' });
    await carl.printed(/This node is in the mesh/);
    await ben.printed(/\+ carl is here/);
  });

  it('say goodbye before their machine sleeps, and are back when it wakes', async () => {
    const sleeping = stateOf(2);
    expect(await releases(sleeping)).toBe(0);
    await prepareForSleep(sleeping, true);
    await anna.printed(/- ben is gone/);
    await expect.poll(() => releases(sleeping), { timeout: PATIENCE_MS }).toBe(1);
    expect(states(await report(1))).toMatchObject({ ben: 'dead' });
    await prepareForSleep(sleeping, false);
    await anna.printed(/ben is back/);
    expect(states(await report(1))).toMatchObject({ ben: 'alive' });
  });

  it('tell who was killed', async () => {
    anna.process.kill('SIGKILL');
    await ben.printed(/- anna is gone/);
    expect(states(await report(2))).toEqual({ anna: 'dead', carl: 'alive' });
  });

  it('are found well by the doctor', async () => {
    const { process: child, ended } = await onMachine(2, ['doctor', '--json']);
    child.stdin.end();
    const findings = JSON.parse((await ended).stdout) as { level: string; message: string }[];
    expect(findings.filter(({ level }) => level === 'problem')).toEqual([]);
    expect(findings.map(({ message }) => message)).toContain('1 of 2 peers answer.');
  });
});
