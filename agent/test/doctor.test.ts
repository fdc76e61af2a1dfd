import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../src/doctor/diagnose.ts';
import type { DoctorFacts, Finding } from '../src/doctor/facts.ts';
import { probeFirewalls } from '../src/doctor/probe-firewalls.ts';
import { probePort } from '../src/doctor/probe-port.ts';
import { doctorView } from '../src/views/doctor-view.ts';
import { samplePeer, sampleReport } from './support/sample-report.ts';

const healthy: DoctorFacts = {
  platform: 'linux',
  version: '0.1.0',
  agent: { state: 'running', report: sampleReport({ peers: [samplePeer('ben')], problems: [] }), clockOffsetsMs: {} },
  stateFolder: { path: '/home/anna/.local/share/pippa-agent/state', exists: true },
  interfaces: [{ name: 'eth0', address: '192.168.1.5', type: 'wired', tier: 2 }],
  multicast: [{ interfaceName: 'eth0', outcome: 'heard' }],
  mdnsPort: 'shared',
  ports: [{ use: 'HTTP API', flag: '--port', port: 11_500, state: 'ours' }],
  firewalls: [],
};

function withReport(changes: Parameters<typeof sampleReport>[0], clockOffsetsMs: Record<string, number> = {}): DoctorFacts {
  return { ...healthy, agent: { state: 'running', report: sampleReport({ problems: [], ...changes }), clockOffsetsMs } };
}

const ben = samplePeer('ben');
const on = {
  state: 'on' as const,
  membership: { kind: 'member' as const, open: false, missesOthers: false },
  otherMeshes: 0,
  addresses: [],
};

function worst(facts: DoctorFacts): Finding[] {
  return diagnose(facts).filter(({ level }) => level !== 'ok');
}

describe('the doctor', () => {
  it('finds a healthy mesh healthy', () => {
    expect(worst(healthy)).toEqual([]);
    expect(doctorView(diagnose(healthy), (_style, text) => text)).toContain('All is well.');
  });

  it.each<[what: string, facts: DoctorFacts, level: string, message: RegExp, advice: RegExp]>([
    [
      'multicast without a route',
      { ...healthy, multicast: [{ interfaceName: 'eth0', outcome: 'failed', code: 'ENETUNREACH' }] },
      'problem',
      /no route for multicast/,
      /ip route add 224\.0\.0\.0\/4 dev eth0.*--peer/,
    ],
    [
      'multicast that is blocked',
      { ...healthy, multicast: [{ interfaceName: 'eth0', outcome: 'lost' }] },
      'problem',
      /never heard/,
      /UDP port 5353/,
    ],
    [
      'multicast blocked on one interface',
      {
        ...healthy,
        multicast: [
          { interfaceName: 'eth0', outcome: 'heard' },
          { interfaceName: 'tun0', outcome: 'failed', code: 'EPERM' },
        ],
      },
      'warning',
      /on tun0 \(EPERM\)/,
      /allow UDP port 5353/,
    ],
    [
      'the Local Network permission of macOS',
      { ...healthy, platform: 'darwin', multicast: [{ interfaceName: 'eth0', outcome: 'failed', code: 'EHOSTUNREACH' }] },
      'problem',
      /macOS does not let this program use the local network/,
      /Privacy & Security > Local Network/,
    ],
    ['mDNS held by another program', { ...healthy, mdnsPort: 'taken' }, 'problem', /holds UDP port 5353/, /lsof/],
    ['no network', { ...healthy, interfaces: [] }, 'problem', /in no network/, /cable/],
    [
      'a firewall that blocks all',
      { ...healthy, platform: 'darwin', firewalls: [{ kind: 'macos', blocksAll: true }] },
      'problem',
      /blocks all incoming/,
      /switch off "Block all/,
    ],
    [
      'a firewall that may ask',
      { ...healthy, platform: 'darwin', firewalls: [{ kind: 'macos', blocksAll: false }] },
      'note',
      /is on/,
      /allow node/,
    ],
    [
      'ufw',
      {
        ...healthy,
        firewalls: [{ kind: 'ufw', blocksAll: false }],
        ports: [{ use: 'mesh', flag: '--mesh-port', port: 11_501, state: 'ours' }],
      },
      'warning',
      /ufw is on/,
      /ufw allow 11501\/tcp && sudo ufw allow 5353\/udp/,
    ],
    [
      'firewalld',
      { ...healthy, firewalls: [{ kind: 'firewalld', blocksAll: false }] },
      'warning',
      /firewalld/,
      /--add-service=mdns/,
    ],
    [
      'a taken port',
      { ...healthy, ports: [{ use: 'HTTP API', flag: '--port', port: 11_500, state: 'taken' }] },
      'problem',
      /Another program listens on port 11500/,
      /--port 11510/,
    ],
    [
      'a forbidden port',
      { ...healthy, ports: [{ use: 'HTTP API', flag: '--port', port: 80, state: 'forbidden' }] },
      'problem',
      /may not listen on port 80/,
      /above 1023/,
    ],
    [
      'a copied identity',
      withReport({ peers: [ben], problems: [{ code: 'duplicate_identity', message: 'Two nodes use one identity.' }] }),
      'problem',
      /Two nodes use one identity/,
      /delete identity\.key/,
    ],
    [
      'another key',
      withReport({ peers: [ben], problems: [{ code: 'wrong_key', message: 'x belongs to another mesh.', hint: 'Do this.' }] }),
      'warning',
      /another mesh/,
      /^Do this\.$/,
    ],
    [
      'something the mesh alone knows',
      withReport({ peers: [ben], problems: [{ code: 'strange', message: 'Strange.' }] }),
      'warning',
      /Strange/,
      /--log-level debug/,
    ],
    [
      'an older peer',
      withReport({ peers: [samplePeer('ben', { card: { agentVersion: '0.0.9' } })] }),
      'note',
      /ben runs version 0\.0\.9/,
      /@latest/,
    ],
    [
      'a clock that is ahead',
      withReport({ peers: [ben] }, { [ben.id]: 93_000 }),
      'warning',
      /clock of ben is 1 min 33 s ahead/,
      /time/,
    ],
    ['a clock that is behind', withReport({ peers: [ben] }, { [ben.id]: -6000 }), 'warning', /6\.0 s behind/, /time/],
    [
      'Wi-Fi where there is a cable',
      withReport({ peers: [samplePeer('ben', { link: { interfaceType: 'wifi', tier: 3 } })] }),
      'warning',
      /ben is reached over Wi-Fi, though this machine has Ethernet \(eth0\)/,
      /same network/,
    ],
    ['a silent peer', withReport({ peers: [samplePeer('ben', { state: 'suspect' })] }), 'warning', /ben is silent/, /Wi-Fi/],
    ['a dead peer', withReport({ peers: [samplePeer('ben', { state: 'dead' })] }), 'note', /ben is gone/, /kick ben/],
    ['nobody', withReport({ peers: [] }), 'note', /no other nodes/, /invite/],
    [
      'an open mesh',
      withReport({ peers: [ben], mesh: { ...on, membership: { kind: 'member', open: true, missesOthers: false } } }),
      'warning',
      /open/,
      /--open/,
    ],
    [
      'another mesh',
      withReport({ peers: [ben], mesh: { ...on, otherMeshes: 1 } }),
      'note',
      /another mesh on this network/,
      /leave/,
    ],
    [
      'no mesh yet',
      withReport({ peers: [], mesh: { ...on, membership: { kind: 'stranger' } } }),
      'warning',
      /no mesh yet/,
      /--join/,
    ],
    [
      'a node that waits',
      withReport({ peers: [], mesh: { ...on, membership: { kind: 'asking', words: 'apple river' } } }),
      'warning',
      /words are apple river/,
      /approve/,
    ],
    [
      'two of one name',
      withReport({ peers: [ben, { ...samplePeer('ben'), id: samplePeer('other').id }] }),
      'note',
      /Several nodes are called ben/,
      /--name/,
    ],
    [
      'an agent of another version',
      withReport({ peers: [ben], version: '0.2.0' }),
      'warning',
      /of version 0\.2\.0, this command of version 0\.1\.0/,
      /Restart/,
    ],
    ['no agent', { ...healthy, agent: { state: 'stopped' } }, 'note', /No agent is running/, /npx pippa-agent/],
    [
      'a frozen agent',
      { ...healthy, agent: { state: 'failed', message: 'The agent does not answer.', hint: 'Restart it.' } },
      'problem',
      /does not answer/,
      /Restart it/,
    ],
    [
      'an open state folder',
      {
        ...healthy,
        stateFolder: {
          path: '/tmp/x',
          exists: true,
          trouble: 'The folder /tmp/x can be written by other users.',
          hint: 'chmod 700 /tmp/x',
        },
      },
      'problem',
      /can be written by other users/,
      /chmod 700 \/tmp\/x/,
    ],
    [
      'a state folder that cannot be made',
      { ...healthy, stateFolder: { path: '/tmp/x', exists: false, trouble: 'The agent cannot keep its state in /tmp/x.' } },
      'problem',
      /cannot keep its state/,
      /--state-dir/,
    ],
  ])('sees %s and says what to do', (_what, facts, level, message, advice) => {
    expect(worst(facts)).toEqual([
      { check: expect.any(String), level, message: expect.stringMatching(message), advice: expect.stringMatching(advice) },
    ]);
  });

  it('does not call a clock wrong that differs by the time of an answer', () => {
    expect(worst(withReport({ peers: [ben] }, { [ben.id]: 4000 }))).toEqual([]);
  });

  it('says when a mesh was wanted and failed', () => {
    expect(worst(withReport({ mesh: { state: 'failed', reason: 'port 11501 is taken.' }, peers: [] }))).toMatchObject([
      { level: 'problem', message: 'The agent is in no mesh: port 11501 is taken.' },
    ]);
  });
});

describe('what the doctor looks at', () => {
  it('tells a taken port from a free one', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await probePort(port, '127.0.0.1')).toBe('taken');
    server.close();
    await once(server, 'close');
    expect(await probePort(port, '127.0.0.1')).toBe('free');
    expect(await probePort(0, '192.0.2.254')).toBe('forbidden');
  });

  it('reads the firewalls of the systems', async () => {
    const machine = (platform: NodeJS.Platform, output: string | undefined, file?: string) => ({
      facts: () => ({ platform }) as ReturnType<Parameters<typeof probeFirewalls>[0]['facts']>,
      run: async () => output,
      readFile: async () => file,
      list: async () => [],
    });
    expect(await probeFirewalls(machine('darwin', 'Firewall is disabled. (State = 0)\n'))).toEqual([]);
    expect(await probeFirewalls(machine('darwin', 'Firewall is enabled. (State = 1)\n'))).toEqual([
      { kind: 'macos', blocksAll: false },
    ]);
    expect(
      await probeFirewalls(machine('darwin', 'Firewall is blocking all non-essential incoming connections. (State = 2)\n')),
    ).toEqual([{ kind: 'macos', blocksAll: true }]);
    expect(await probeFirewalls(machine('linux', 'not running\n', '# ufw\nENABLED=no\n'))).toEqual([]);
    expect(await probeFirewalls(machine('linux', 'running\n', '# ufw\nENABLED=yes\nLOGLEVEL=low\n'))).toEqual([
      { kind: 'ufw', blocksAll: false },
      { kind: 'firewalld', blocksAll: false },
    ]);
  });
});
