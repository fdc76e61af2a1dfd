import { callAgent } from '../control/client.ts';
import type { CommandContext } from '../commands/context.ts';
import { AgentNotRunningError } from '../errors.ts';
import { reachOperation } from '../operations/reach.ts';
import type { Settings } from '../settings/schema.ts';

/** Where a running agent is asked, and with which key. */
export interface RemoteAddress {
  /** `http://127.0.0.1:11500` */
  readonly url: string;
  readonly apiKey?: string | undefined;
  /** PEM: the certificate that the agent must show, instead of one that the system trusts. */
  readonly certificate?: string | undefined;
}

/** Where an agent with these settings listens; one that listens everywhere is reached on this machine. */
export function agentAddress({ host, port, apiKey, tlsCert }: Settings): RemoteAddress {
  const reachable = host === '0.0.0.0' || host === 'localhost' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const scheme = tlsCert === undefined ? 'http' : 'https';
  return { url: `${scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`, apiKey };
}

/**
 * The agent that runs with this state folder, which tells its address and a key over its socket; where none does, or the command was
 * told another place or a key, what the settings say.
 */
export async function findAgent(
  context: Pick<CommandContext, 'settings' | 'given' | 'paths' | 'interrupts'>,
): Promise<RemoteAddress> {
  const { settings, given, paths, interrupts } = context;
  const asked = agentAddress(settings);
  if (given.has('apiKey')) return asked;
  try {
    const { url, ...access } = await callAgent(paths.socket, reachOperation, {}, { signal: interrupts.asked });
    if (url === undefined) return asked;
    const isOther = given.has('host') ? url !== asked.url : given.has('port') && new URL(url).port !== String(settings.port);
    return isOther ? asked : { url, ...access };
  } catch (error) {
    if (error instanceof AgentNotRunningError) return asked;
    throw error;
  }
}
