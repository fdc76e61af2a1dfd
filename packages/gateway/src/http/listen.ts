import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ListenError, PortInUseError } from '../errors.ts';

const IPV4_LOOPBACK = '127.0.0.1';
const IPV6_LOOPBACK = '::1';
/** A free IPv4 port is seldom taken on IPv6; this often in a row, it is no accident. */
const MAX_PORT_TRIES = 10;
/** Connections that may wait to be accepted: a burst of 1,000 clients is not turned away. */
const BACKLOG = 1024;

/**
 * Opens a listener on `host`. `localhost` means both loopback addresses, on one port: clients resolve the name to either.
 * A machine without IPv6 has the one. Port 0 takes a free port. Throws `PortInUseError` or `ListenError`.
 */
export async function listen(createServer: () => Server, host: string, port: number): Promise<Server[]> {
  if (host !== 'localhost') return [await listenOn(createServer(), host, port)];
  for (let attempt = 1; ; attempt++) {
    const first = await listenOn(createServer(), IPV4_LOOPBACK, port);
    try {
      const second = await listenOn(createServer(), IPV6_LOOPBACK, portOf(first));
      return [first, second];
    } catch (error) {
      if (!(error instanceof PortInUseError)) return [first];
      first.close();
      if (port !== 0 || attempt === MAX_PORT_TRIES) throw error;
    }
  }
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function listenOn(server: Server, host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(toListenError(error, host, port));
    server.once('error', onError);
    server.listen({ port, host, backlog: BACKLOG }, () => {
      server.off('error', onError);
      resolve(server);
    });
  });
}

function toListenError(error: NodeJS.ErrnoException, host: string, port: number): PortInUseError | ListenError {
  if (error.code === 'EADDRINUSE') return new PortInUseError(host, port, error);
  if (error.code === 'EACCES') {
    return new ListenError(`This user may not listen on port ${port}.`, {
      cause: error,
      hint: 'Choose a port from 1024 up with --port.',
    });
  }
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    return new ListenError(`${host} is no address of this machine.`, {
      cause: error,
      hint: 'Listen on localhost or 0.0.0.0 with --host.',
    });
  }
  return new ListenError(`Listening on ${host} port ${port} failed: ${error.message}.`, { cause: error });
}
