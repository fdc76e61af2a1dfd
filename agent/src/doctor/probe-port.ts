import { createServer } from 'node:net';
import type { PortFact } from './facts.ts';

/** Whether something could listen there. `host`: undefined for every address. */
export function probePort(port: number, host?: string): Promise<Exclude<PortFact['state'], 'ours'>> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRINUSE' ? 'taken' : 'forbidden'));
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => server.close(() => resolve('free')));
  });
}
