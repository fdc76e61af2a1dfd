import { errorMessage } from '@pippa/core';
import type { z } from 'zod';
import { RemoteAgentError } from '../errors.ts';
import type { RemoteAddress } from './agent-address.ts';
import { remoteError } from './remote-error.ts';
import { send, type RemoteRequest, type RemoteResponse } from './send.ts';

/** Sends a request to the running agent and gives its good answer. Throws `RemoteAgentError`, or the signal's reason. */
export async function requestAgent(
  address: RemoteAddress,
  path: string,
  request: RemoteRequest,
  signal: AbortSignal,
): Promise<RemoteResponse> {
  let response: RemoteResponse;
  try {
    response = await send(address, path, request, signal);
  } catch (cause) {
    signal.throwIfAborted();
    throw new RemoteAgentError(`No agent can be reached at ${address.url}: ${errorMessage(cause)}.`, {
      cause,
      hint: 'Start one with pippa-agent, or say where it is with --host and --port.',
    });
  }
  if (response.ok) return response;
  throw remoteError(await response.text(), `The agent at ${address.url} answered with status ${response.status}.`);
}

/** What the running agent says on a path, checked. */
export async function askAgent<Schema extends z.ZodType>(
  address: RemoteAddress,
  path: string,
  schema: Schema,
  signal: AbortSignal,
): Promise<z.output<Schema>> {
  const response = await requestAgent(address, path, {}, signal);
  const parsed = schema.safeParse(parseJson(await response.text()));
  if (parsed.success) return parsed.data;
  throw new RemoteAgentError(`What answers at ${address.url}${path} is not this version of pippa-agent.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
