import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Clock } from '@pippa/core';
import type { MulticastProbe } from './facts.ts';

/** The group of mDNS: what is let through for it, is let through for finding agents. */
const GROUP = '224.0.0.251';
const MDNS_PORT = 5353;
/** A message to oneself takes microseconds. */
const PATIENCE_MS = 500;
/** Machines with virtual ones have dozens of interfaces. */
const MAX_INTERFACES = 8;

/** Sends a message to the mDNS group, on a port of its own, and listens for it, on each interface. */
export function probeMulticast(
  interfaces: readonly { readonly name: string; readonly address: string }[],
  clock: Clock,
): Promise<readonly MulticastProbe[]> {
  return Promise.all(interfaces.slice(0, MAX_INTERFACES).map(({ name, address }) => probe(name, address, clock)));
}

async function probe(interfaceName: string, address: string, clock: Clock): Promise<MulticastProbe> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  try {
    socket.bind();
    await once(socket, 'listening');
    socket.addMembership(GROUP, address);
    socket.setMulticastInterface(address);
    // It need not leave the machine to be refused.
    socket.setMulticastTTL(0);
    socket.setMulticastLoopback(true);
    return { interfaceName, outcome: (await echo(socket, clock)) ? 'heard' : 'lost' };
  } catch (error) {
    return { interfaceName, outcome: 'failed', ...codeOf(error) };
  } finally {
    socket.close();
  }
}

function echo(socket: Socket, clock: Clock): Promise<boolean> {
  const token = randomBytes(16);
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(PATIENCE_MS, () => resolve(false));
    const settle = (action: () => void): void => {
      cancel();
      action();
    };
    socket.on('error', (error) => settle(() => reject(error)));
    socket.on('message', (message) => {
      if (token.equals(message)) settle(() => resolve(true));
    });
    socket.send(token, socket.address().port, GROUP, (error) => {
      if (error !== null) settle(() => reject(error));
    });
  });
}

/** Whether mDNS's port can be listened on beside others. */
export async function probeMdnsPort(): Promise<'shared' | 'taken' | 'forbidden'> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  try {
    socket.bind(MDNS_PORT);
    await once(socket, 'listening');
    return 'shared';
  } catch (error) {
    return codeOf(error).code === 'EADDRINUSE' ? 'taken' : 'forbidden';
  } finally {
    socket.close();
  }
}

function codeOf(error: unknown): { readonly code?: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
}
