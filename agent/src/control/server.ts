import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { InvalidInputError, PippaError, StoppedError, type Logger, type Startable } from '@pippa/core';
import { UnknownOperationError } from '../errors.ts';
import { claimSocket } from './claim-socket.ts';
import type { OperationHandler } from './contract.ts';
import { makePrivateFolder } from './private-folder.ts';
import { MAX_CALLS, MAX_INPUT_BYTES, MAX_UNREAD_BYTES, NDJSON, wireError } from './wire.ts';

export interface ControlServerOptions {
  /** At most 100 bytes, as the systems have it; its folder is made. */
  readonly socketPath: string;
  readonly operations: readonly OperationHandler[];
  /** The agent's version, told to commands of another one. */
  readonly version: string;
  readonly logger: Logger;
}

/** For so long a command that does not read its result holds up the agent's end. */
const READ_WITHIN_MS = 1000;

/**
 * Lets commands of this user talk to the running agent over a Unix domain socket. `start` throws `AgentAlreadyRunningError` when an
 * agent listens there already. `stop` ends the calls under way with `StoppedError`.
 */
export function createControlServer({ socketPath, operations, version, logger }: ControlServerOptions): Startable {
  const handlers = new Map(operations.map((handler) => [handler.name, handler]));
  const log = logger.child({ scope: 'control' });
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const call = answer(request, response).catch((error: unknown) => {
      // The caller is gone: nobody is left to tell.
      log.debug({ error: String(error) }, 'a call broke off');
      response.destroy();
    });
    running.add(call);
    void call.finally(() => running.delete(call));
  });
  server.maxConnections = MAX_CALLS;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort(new StoppedError('The command has gone.')));
    const line = (content: object): void => void response.write(`${JSON.stringify(content)}\n`);
    const emit = (event: unknown): void => {
      if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
      else if (!response.writableEnded && !response.destroyed) line({ event });
    };
    response.writeHead(200, { 'content-type': NDJSON, 'pippa-agent-version': version, connection: 'close' });
    response.flushHeaders();
    try {
      const name = (request.url ?? '').slice(1);
      const handler = handlers.get(name);
      if (handler === undefined || request.method !== 'POST') throw new UnknownOperationError(name, version);
      const input = await readInput(request);
      const signal = AbortSignal.any([gone.signal, stopping.signal]);
      line({ result: (await untilAborted(handler.run(input, { emit, signal }), stopping.signal)) ?? null });
    } catch (error) {
      if (!(error instanceof PippaError)) log.error({ error: String(error), operation: request.url }, 'an operation failed');
      line({ error: wireError(error) });
    }
    response.end();
    await untilTold(response);
  }

  let started: Promise<void> | undefined;
  return {
    start() {
      started ??= makePrivateFolder(dirname(socketPath)).then(() => claimSocket(server, socketPath));
      return started;
    },
    async stop() {
      stopping.abort(new StoppedError('The agent stops.'));
      await started?.catch(() => undefined);
      if (!server.listening) return;
      // Closing takes connections for idle whose answer is written and still on its way.
      await Promise.all(running);
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The agent may end right behind this call: until the system has all that was said, or the command does not read it. */
async function untilTold(response: ServerResponse): Promise<void> {
  await finished(response, { signal: AbortSignal.timeout(READ_WITHIN_MS) }).catch(() => {});
}

async function readInput(request: IncomingMessage): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_INPUT_BYTES) throw new InvalidInputError(`The input is longer than ${MAX_INPUT_BYTES} bytes.`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString()) as unknown;
  } catch (cause) {
    throw new InvalidInputError('The input is not JSON.', { cause });
  }
}

/** What `work` gives, or the signal's reason when that comes first: an operation that does not listen must not hold up stopping. */
function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
