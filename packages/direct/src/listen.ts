import type { Server } from 'node:net';

/**
 * Listens on any free port of the address; `::`: of all addresses, also where the machine has no IPv6. Rejects with why it cannot;
 * errors after that end nothing.
 */
export async function listen(server: Server, host: string): Promise<void> {
  const on = (address: string): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, address, () => {
        server.off('error', reject);
        server.on('error', () => {});
        resolve();
      });
    });
  if (host === '::') await on('::').catch(() => on('0.0.0.0'));
  else await on(host);
}
