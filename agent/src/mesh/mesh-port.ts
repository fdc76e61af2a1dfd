import { probePort } from '../doctor/probe-port.ts';
import { MeshPortTakenError } from '../errors.ts';
import { DEFAULT_MESH_PORT } from '../settings/schema.ts';

/**
 * The port to listen on for other agents. The usual one, so that firewalls and `--peer <host>` can name it; when nobody insists on a
 * port, a second agent of a machine takes any. Throws `MeshPortTakenError`.
 */
export async function chooseMeshPort(asked: number | undefined): Promise<number> {
  if (asked === 0) return 0;
  const port = asked ?? DEFAULT_MESH_PORT;
  if ((await probePort(port)) === 'free') return port;
  if (asked === undefined) return 0;
  throw new MeshPortTakenError(`Port ${port} (--mesh-port) is in use.`, { hint: `Take another one: --mesh-port ${port + 10}` });
}
