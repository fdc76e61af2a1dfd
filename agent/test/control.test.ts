import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, StoppedError, type Clock } from '@pippa/core';
import { NoSuchModelError } from '@pippa/models';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { callAgent } from '../src/control/client.ts';
import { implement, operation, type OperationContract, type OperationHandler } from '../src/control/contract.ts';
import { checkFolderCanBeMade, makePrivateFolder } from '../src/control/private-folder.ts';
import { createControlServer } from '../src/control/server.ts';
import { UsageError } from '../src/errors.ts';

const square = operation('square', z.strictObject({ number: z.int().min(0).max(1000) }), z.object({ square: z.int() }));
const count = {
  name: 'count',
  input: z.object({ to: z.int() }),
  result: z.literal('done'),
  event: z.object({ at: z.int() }),
} as const;
const wait: OperationContract<z.ZodObject, z.ZodNull, z.ZodString> = {
  name: 'wait',
  input: z.object({}),
  result: z.null(),
  event: z.string(),
};

let directory: string;
let socketPath: string;
const stops: (() => Promise<void>)[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-control-'));
  socketPath = join(directory, 'state', 'agent.sock');
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await rm(directory, { recursive: true });
});

async function serve(...operations: OperationHandler[]): Promise<ReturnType<typeof createControlServer>> {
  const server = createControlServer({ socketPath, operations, version: '1.2.3', logger: silentLogger });
  stops.push(() => server.stop());
  await server.start();
  return server;
}

/** An operation that tells it has begun and ends with its signal; `ended` is the reason. */
function waiting(): { readonly handler: OperationHandler; readonly ended: Promise<unknown> } {
  let end: (reason: unknown) => void;
  const ended = new Promise<unknown>((resolve) => (end = resolve));
  const handler = implement(
    wait,
    (_input, { emit, signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          end(signal.reason);
          reject(signal.reason);
        });
        emit('begun');
      }),
  );
  return { handler, ended };
}

describe('the control channel', () => {
  it('carries a question and its answer', async () => {
    await serve(implement(square, ({ number }) => ({ square: number * number })));
    expect(await callAgent(socketPath, square, { number: 12 })).toEqual({ square: 144 });
  });

  it('tells of progress before the result, in order', async () => {
    await serve(
      implement(count, async ({ to }, { emit }) => {
        for (let at = 0; at < to; at += 1) emit({ at });
        return 'done' as const;
      }),
    );
    const seen: number[] = [];
    await callAgent(socketPath, count, { to: 1000 }, { onEvent: ({ at }) => seen.push(at) });
    expect(seen).toEqual(Array.from({ length: 1000 }, (_, index) => index));
  });

  it('keeps code, message and hint of an error', async () => {
    const missing = new NoSuchModelError('There is no such model.', { hint: 'Look for it.' });
    await serve(implement(square, () => Promise.reject(missing)));
    await expect(callAgent(socketPath, square, { number: 1 })).rejects.toMatchObject({
      name: 'RemoteAgentError',
      code: 'no_such_model',
      message: 'There is no such model.',
      hint: 'Look for it.',
    });
  });

  it('keeps a wrong use a wrong use, and an unexpected failure without its stack', async () => {
    await serve(
      implement(square, () => Promise.reject(new UsageError('Not like this.'))),
      implement(wait, () => Promise.reject(new TypeError('x is not a function'))),
    );
    await expect(callAgent(socketPath, square, { number: 1 })).rejects.toBeInstanceOf(UsageError);
    await expect(callAgent(socketPath, wait, {})).rejects.toMatchObject({
      code: 'internal',
      message: 'The agent failed: x is not a function',
    });
  });

  it('refuses an input that breaks the schema, naming where', async () => {
    await serve(implement(square, ({ number }) => ({ square: number * number })));
    const refused = callAgent(socketPath, square, { number: 5000 });
    await expect(refused).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringMatching(/^square: number: /) });
  });

  it('refuses an input past its bound, and goes on serving', async () => {
    await serve(implement(square, ({ number }) => ({ square: number * number })));
    const long = { ...square, input: z.object({ number: z.string() }) };
    const refused = callAgent(socketPath, long, { number: 'x'.repeat(2_000_000) });
    await expect(refused).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining('longer than') });
    expect(await callAgent(socketPath, square, { number: 3 })).toEqual({ square: 9 });
  });

  it('names the version of an agent that lacks an operation, or gives another result than expected', async () => {
    await serve(implement({ ...square, result: z.object({ root: z.int() }) }, ({ number }) => ({ root: number })));
    await expect(callAgent(socketPath, wait, {})).rejects.toMatchObject({
      code: 'unknown_operation',
      message: expect.stringContaining('1.2.3'),
    });
    await expect(callAgent(socketPath, square, { number: 1 })).rejects.toMatchObject({ code: 'version_mismatch' });
  });

  it('outlives whatever is written to its socket', async () => {
    await serve(implement(square, ({ number }) => ({ square: number * number })));
    const rubbish = [
      '',
      '\u0000\u0001\u0002',
      'GET /square HTTP/1.1\r\n\r\n',
      'POST /square HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"number"',
      `POST /square HTTP/1.1\r\n${'x: y\r\n'.repeat(50_000)}`,
      'POST /square HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n{{{',
      'POST /../../etc/passwd HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}',
    ];
    for (const text of rubbish) {
      const socket = connect(socketPath);
      socket.on('error', () => undefined);
      socket.end(text);
      socket.resume();
      await new Promise((resolve) => socket.once('close', resolve));
    }
    expect(await callAgent(socketPath, square, { number: 5 })).toEqual({ square: 25 });
  });

  it('tells an operation that its caller has gone', async () => {
    const { handler, ended } = waiting();
    await serve(handler);
    const leaving = new AbortController();
    const call = callAgent(socketPath, wait, {}, { onEvent: () => leaving.abort(new UsageError('bye')), signal: leaving.signal });
    await expect(call).rejects.toThrow('bye');
    expect(await ended).toBeInstanceOf(StoppedError);
  });

  it('ends the calls under way when it stops', async () => {
    const { handler, ended } = waiting();
    const server = await serve(handler);
    let stopped: Promise<void> | undefined;
    const stop = (): void => void (stopped = server.stop());
    const call = callAgent(socketPath, wait, {}, { onEvent: stop });
    await expect(call).rejects.toMatchObject({ code: 'stopped' });
    expect(await ended).toBeInstanceOf(StoppedError);
    await stopped;
    await expect(callAgent(socketPath, wait, {})).rejects.toMatchObject({ name: 'AgentNotRunningError' });
  });

  it('still tells all of a result when the agent stops right behind it', async () => {
    const long = 'x'.repeat(4_000_000);
    const tell = operation('tell', z.object({}), z.string());
    let stopped: Promise<void> | undefined;
    const handler = implement(tell, () => {
      setImmediate(() => void (stopped = server.stop()));
      return Promise.resolve(long);
    });
    const server = await serve(handler);
    expect(await callAgent(socketPath, tell, {})).toBe(long);
    await stopped;
  });

  it('gives up on an agent that takes the call and never answers', async () => {
    await mkdir(join(directory, 'state'), { mode: 0o700 });
    const frozen = createServer().listen(socketPath);
    await once(frozen, 'listening');
    const atOnce: Clock = { nowMs: () => 0, wallMs: () => 0, schedule: (_, callback) => (setImmediate(callback), () => undefined) };
    const call = callAgent(socketPath, square, { number: 1 }, { clock: atOnce });
    await expect(call).rejects.toMatchObject({ name: 'AgentUnresponsiveError' });
    frozen.close();
  });
});

describe("the control channel's socket", () => {
  it('is for this user alone, and gone after the agent', async () => {
    const server = await serve();
    expect((await stat(socketPath)).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, 'state'))).mode & 0o777).toBe(0o700);
    await server.stop();
    expect(await readdir(join(directory, 'state'))).toEqual([]);
  });

  it('is refused to a second agent, which leaves the first one as it was', async () => {
    await serve(implement(square, ({ number }) => ({ square: number * number })));
    await expect(serve()).rejects.toMatchObject({ name: 'AgentAlreadyRunningError' });
    expect(await callAgent(socketPath, square, { number: 4 })).toEqual({ square: 16 });
  });

  it('replaces what a killed agent left, and of many that try at once one wins', async () => {
    await mkdir(join(directory, 'state'), { mode: 0o700 });
    const script = `require('node:net').createServer().listen(${JSON.stringify(socketPath)}, () => console.log('listening'))`;
    const killed = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(killed.stdout, 'data');
    killed.kill('SIGKILL');
    await once(killed, 'close');
    expect(await readdir(join(directory, 'state'))).toEqual(['agent.sock']);
    const started = await Promise.allSettled(Array.from({ length: 8 }, () => serve(implement(square, () => ({ square: 0 })))));
    const losers = started.filter((result) => result.status === 'rejected').map((result) => result.reason as Error);
    expect(losers.map((error) => error.name)).toEqual(Array.from({ length: 7 }, () => 'AgentAlreadyRunningError'));
    expect(await callAgent(socketPath, square, { number: 1 })).toEqual({ square: 0 });
  });

  it('is not put where others could replace it', async () => {
    await mkdir(join(directory, 'state'));
    await chmod(join(directory, 'state'), 0o777);
    await expect(serve()).rejects.toMatchObject({ name: 'UnsafeFolderError' });
    await writeFile(socketPath, '');
    await expect(callAgent(socketPath, square, { number: 1 })).rejects.toMatchObject({ name: 'UnsafeFolderError' });
  });

  it('says what to do where its folder cannot be made', async () => {
    const file = join(directory, 'file');
    await writeFile(file, '');
    await expect(makePrivateFolder(join(file, 'state'))).rejects.toMatchObject({
      name: 'UnwritableFolderError',
      hint: expect.stringContaining('--state-dir'),
    });
    await expect(checkFolderCanBeMade(join(directory, 'new', 'state'))).resolves.toBeUndefined();
  });
});
