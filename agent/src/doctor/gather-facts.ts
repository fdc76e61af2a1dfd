import { systemClock, PippaError, errorMessage, type Clock } from '@pippa/core';
import { createInterfaceClassifier, systemReader, type MachineReader } from '@pippa/hardware';
import type { CommandContext } from '../commands/context.ts';
import { callAgent } from '../control/client.ts';
import { checkPrivateFolder } from '../control/private-folder.ts';
import { AgentNotRunningError, UnsafeFolderError } from '../errors.ts';
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
  const { paths, settings, version, interrupts } = context;
  const interfaces = await readInterfaces(reader);
  const outside = interfaces.filter(({ type, address }) => type !== 'loopback' && !address.includes(':'));
  const [agent, folder, multicast, mdnsPort, firewalls] = await Promise.all([
    askAgent(paths.socket, interrupts.asked),
    readFolder(paths.state),
    probeMulticast(
      outside.map(({ name, address }) => ({ name: name ?? address, address })),
      clock,
    ),
    probeMdnsPort(),
    probeFirewalls(reader),
  ]);
  const host = settings.host === 'localhost' ? '127.0.0.1' : settings.host;
  return {
    platform: reader.facts().platform,
    version,
    agent,
    stateFolder: { path: paths.state, ...folder },
    interfaces,
    multicast,
    mdnsPort,
    ports: [await portFact({ use: 'HTTP API', flag: '--port', port: settings.port }, host, ownPort(agent))].filter(
      ({ port }) => port !== 0,
    ),
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

async function readFolder(path: string): Promise<{ readonly exists: boolean; readonly trouble?: string }> {
  try {
    await checkPrivateFolder(path);
    return { exists: true };
  } catch (error) {
    return error instanceof UnsafeFolderError ? { exists: true, trouble: error.message } : { exists: false };
  }
}

async function readInterfaces(reader: MachineReader): Promise<readonly InterfaceFact[]> {
  const classify = createInterfaceClassifier(reader);
  const addresses = Object.values(reader.facts().interfaces).flatMap((list) => list ?? []);
  // Every interface has link-local IPv6 addresses: they tell nothing.
  const telling = addresses.filter(({ address }) => !address.toLowerCase().startsWith('fe80:'));
  return Promise.all(telling.map(async ({ address }) => ({ address, ...(await classify(address)) })));
}

/** `http://127.0.0.1:11500` -> 11500 */
function ownPort(agent: AgentFact): number | undefined {
  return agent.state === 'running' && agent.report.url !== undefined ? Number(new URL(agent.report.url).port) : undefined;
}

async function portFact(fact: Omit<PortFact, 'state'>, host: string | undefined, own: number | undefined): Promise<PortFact> {
  return { ...fact, state: fact.port === own ? 'ours' : await probePort(fact.port, host) };
}
