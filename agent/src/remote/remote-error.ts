import { z } from 'zod';
import { RemoteAgentError } from '../errors.ts';

/** How every route of the agent tells an error. */
export const errorBody = z.object({ error: z.object({ message: z.string(), code: z.string().nullish() }) });

/** The error that a response's body tells; `otherwise` when it tells none. */
export function remoteError(body: string, otherwise: string): RemoteAgentError {
  try {
    const { error } = errorBody.parse(JSON.parse(body));
    return new RemoteAgentError(error.message, { code: error.code ?? undefined });
  } catch {
    return new RemoteAgentError(otherwise);
  }
}
