import type { Settings } from '../settings/schema.ts';

/** Where a running agent is asked, and with which key. */
export interface RemoteAddress {
  /** `http://127.0.0.1:11500` */
  readonly url: string;
  readonly apiKey?: string | undefined;
}

/** Where an agent with these settings listens; one that listens everywhere is reached on this machine. */
export function agentAddress({ host, port, apiKey }: Pick<Settings, 'host' | 'port' | 'apiKey'>): RemoteAddress {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return { url: `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`, apiKey };
}

export function authorization({ apiKey }: RemoteAddress): Record<string, string> {
  return apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
}
