import { once } from 'node:events';
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import { systemClock, type Clock } from '@pippa/core';
import type { z } from 'zod';
import { AgentNotRunningError, AgentUnresponsiveError, RemoteAgentError, UnsafeFolderError, UsageError } from '../errors.ts';
import type { OperationContract } from './contract.ts';
import { checkPrivateFolder } from './private-folder.ts';
import { readLines } from './lines.ts';
import { lineSchema, MAX_LINE_BYTES, type WireError } from './wire.ts';

/** The agent acknowledges every call at once, however long the work takes; one that does not is frozen. */
const ACKNOWLEDGE_MS = 5000;

export interface CallOptions<Event> {
  readonly onEvent?: (event: Event) => void;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/**
 * Asks the running agent to do `operation`. Rejects with `AgentNotRunningError`, `AgentUnresponsiveError`, with `UsageError` or a
 * `RemoteAgentError` that carries the operation's own code, message and hint, and with the signal's reason.
 */
export async function callAgent<Input extends z.ZodType, Result extends z.ZodType, Event extends z.ZodType>(
  socketPath: string,
  operation: OperationContract<Input, Result, Event>,
  input: z.input<Input>,
  { onEvent, clock = systemClock, signal }: CallOptions<z.output<Event>> = {},
): Promise<z.output<Result>> {
  await checkFolder(socketPath);
  signal?.throwIfAborted();
  const request = httpRequest({
    socketPath,
    path: `/${operation.name}`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    agent: false,
  });
  // What fails after the acknowledgement is told by the response.
  request.on('error', () => undefined);
  const giveUp = (): void => void request.destroy();
  signal?.addEventListener('abort', giveUp, { once: true });
  try {
    request.end(JSON.stringify(input));
    const response = await acknowledged(request, socketPath, clock);
    for await (const line of readLines(response, MAX_LINE_BYTES)) {
      const said = lineSchema.parse(JSON.parse(line));
      if ('error' in said) throw asThrown(said.error);
      if ('event' in said) onEvent?.(operation.event.parse(said.event));
      else return operation.result.parse(said.result);
    }
    throw new RemoteAgentError('The agent stopped before it was done.', { code: 'agent_stopped' });
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof Error && error.name === 'ZodError' ? misunderstood(operation.name, error) : brokenOff(error);
  } finally {
    signal?.removeEventListener('abort', giveUp);
    request.destroy();
  }
}

/** The agent's own folder, or nobody's: a stranger's is not talked to. */
async function checkFolder(socketPath: string): Promise<void> {
  try {
    await checkPrivateFolder(dirname(socketPath));
  } catch (error) {
    if (error instanceof UnsafeFolderError) throw error;
    throw new AgentNotRunningError(socketPath, error);
  }
}

async function acknowledged(request: ClientRequest, socketPath: string, clock: Clock): Promise<IncomingMessage> {
  const cancel = clock.schedule(ACKNOWLEDGE_MS, () => request.destroy(new AgentUnresponsiveError(socketPath)));
  try {
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return response;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') throw new AgentNotRunningError(socketPath, error);
    throw error;
  } finally {
    cancel();
  }
}

function asThrown({ code, message, hint }: WireError): Error {
  const about = hint === undefined ? {} : { hint };
  return code === 'usage' ? new UsageError(message, about) : new RemoteAgentError(message, { code, ...about });
}

function misunderstood(name: string, cause: unknown): RemoteAgentError {
  return new RemoteAgentError(`The running agent's answer to "${name}" makes no sense to this version.`, {
    code: 'version_mismatch',
    hint: 'Restart the agent, so that it and this command are of one version.',
    cause,
  });
}

function brokenOff(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'ECONNRESET' && code !== 'EPIPE') return error;
  return new RemoteAgentError('The agent stopped before it was done.', { code: 'agent_stopped', cause: error });
}
