import { probePort } from '../doctor/probe-port.ts';
import { MeshPortTakenError } from '../errors.ts';
import { DEFAULT_MESH_PORT } from '../settings/schema.ts';

/**
 * Where to listen for other agents: the usual port, so that firewalls and `--peer <host>` can name it; when nobody insists on one, a
 * second agent of a machine takes any. Throws `MeshPortTakenError`.
 */
export async function chooseMeshPort(asked: number | undefined): Promise<{ readonly port: number; readonly orAnyPort: boolean }> {
  const orAnyPort = asked === undefined;
  const port = asked ?? DEFAULT_MESH_PORT;
  if (port === 0 || (await probePort(port)) === 'free') return { port, orAnyPort };
  if (orAnyPort) return { port: 0, orAnyPort };
  throw new MeshPortTakenError(`Port ${port} (--mesh-port) is in use.`, { hint: `Take another one: --mesh-port ${port + 10}` });
}
