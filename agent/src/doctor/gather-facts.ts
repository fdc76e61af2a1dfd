import { lstat } from 'node:fs/promises';
import { systemClock, PippaError, errorMessage, type Clock } from '@pippa/core';
import { createInterfaceClassifier, systemReader, type MachineReader } from '@pippa/hardware';
import type { CommandContext } from '../commands/context.ts';
import { callAgent } from '../control/client.ts';
import { checkFolderCanBeMade, makePrivateFolder } from '../control/private-folder.ts';
import { DEFAULT_MESH_PORT } from '../settings/schema.ts';
import { AgentNotRunningError } from '../errors.ts';
import { clockOffsetsOperation, statusOperation } from '../operations/mesh-operations.ts';
import type { AgentFact, DoctorFacts, InterfaceFact, PortFact } from './facts.ts';
import { probeFirewalls } from './probe-firewalls.ts';
import { probeMdnsPort, probeMulticast } from './probe-multicast.ts';
import { probePort } from './probe-port.ts';

/** Looks at everything, in about a second. Never rejects but with the signal's reason. */
export async function gatherFacts(
  context: CommandContext,
  { reader = systemReader, clock = systemClock }: { readonly reader?: MachineReader; readonly clock?: Clock } = {},
): Promise<DoctorFacts> {
  const { paths, version, interrupts } = context;
  const interfaces = await readInterfaces(reader);
  const outside = interfaces.filter(({ type, address }) => type !== 'loopback' && !address.includes(':'));
  // Those of containers and VPNs are not what agents meet on, unless there is nothing else.
  const real = outside.filter(({ type }) => type !== 'unknown');
  const [agent, folder, multicast, mdnsPort, firewalls] = await Promise.all([
    askAgent(paths.socket, interrupts.asked),
    readFolder(paths.state),
    probeMulticast(
      (real.length > 0 ? real : outside).map(({ name, address }) => ({ name: name ?? address, address })),
      clock,
    ),
    probeMdnsPort(),
    probeFirewalls(reader),
  ]);
  return {
    platform: reader.facts().platform,
    version,
    agent,
    stateFolder: { path: paths.state, ...folder },
    interfaces,
    multicast,
    mdnsPort,
    ports: await readPorts(context, agent),
    firewalls,
  };
}

async function askAgent(socketPath: string, signal: AbortSignal): Promise<AgentFact> {
  try {
    const report = await callAgent(socketPath, statusOperation, {}, { signal });
    const clockOffsetsMs = report.mesh.state === 'on' ? await callAgent(socketPath, clockOffsetsOperation, {}, { signal }) : {};
    return { state: 'running', report, clockOffsetsMs };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof AgentNotRunningError) return { state: 'stopped' };
    const hint = error instanceof PippaError ? error.hint : undefined;
    return { state: 'failed', message: errorMessage(error), ...(hint === undefined ? {} : { hint }) };
  }
}

async function readFolder(path: string): Promise<Omit<DoctorFacts['stateFolder'], 'path'>> {
  const exists = await lstat(path).then(
    () => true,
    () => false,
  );
  try {
    await (exists ? makePrivateFolder(path) : checkFolderCanBeMade(path));
    return { exists };
  } catch (error) {
    const hint = error instanceof PippaError ? error.hint : undefined;
    return { exists, trouble: errorMessage(error), ...(hint === undefined ? {} : { hint }) };
  }
}

async function readInterfaces(reader: MachineReader): Promise<readonly InterfaceFact[]> {
  const classify = createInterfaceClassifier(reader);
  const addresses = Object.values(reader.facts().interfaces).flatMap((list) => list ?? []);
  // Every interface has link-local IPv6 addresses: they tell nothing.
  const telling = addresses.filter(({ address }) => !address.toLowerCase().startsWith('fe80:'));
  return Promise.all(telling.map(async ({ address }) => ({ address, ...(await classify(address)) })));
}

/** Those of the running agent; without one, whether it could have those that it is asked to take. */
async function readPorts({ settings, given }: CommandContext, agent: AgentFact): Promise<readonly PortFact[]> {
  const http = { use: 'HTTP API', flag: '--port', port: settings.port };
  const mesh = { use: 'mesh', flag: '--mesh-port', port: settings.meshPort ?? DEFAULT_MESH_PORT };
  if (agent.state === 'running') {
    const { report } = agent;
    const httpPort = report.url === undefined ? [] : [Number(new URL(report.url).port)];
    const addresses = report.mesh.state === 'on' ? report.mesh.addresses : [];
    const meshPorts = new Set(addresses.map((address) => Number(/\/tcp\/(\d+)/.exec(address)?.[1])));
    return [
      ...httpPort.map((port): PortFact => ({ ...http, port, state: 'ours' })),
      ...[...meshPorts].map((port): PortFact => ({ ...mesh, port, state: 'ours' })),
    ];
  }
  const host = settings.host === 'localhost' ? '127.0.0.1' : settings.host;
  const facts: PortFact[] = [{ ...http, state: await probePort(http.port, host) }];
  const meshState = await probePort(mesh.port);
  // The usual one is given up for any free one, unless somebody insists on it.
  if (meshState === 'free' || given.has('meshPort')) facts.push({ ...mesh, state: meshState });
  return facts.filter(({ port }) => port !== 0);
}
