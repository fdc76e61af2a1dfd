import { Agent, request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveAgent, type ServingAgent } from './support/agent-process.ts';

const REQUESTS = 1000;
/** Every so many-th client hangs up: before its answer, in the middle of it, or too late to matter. */
const LEAVES_EVERY = 5;
const TOKENS = 6;

let agent: ServingAgent;
const connections = new Agent({ maxSockets: Infinity });

beforeAll(async () => {
  agent = await serveAgent(['--mesh', 'off', '--threads', '1']);
});
afterAll(async () => {
  connections.destroy();
  await agent[Symbol.asyncDispose]();
});

interface Outcome {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: string;
}

/** Undefined for a client that left. */
function ask(index: number): Promise<Outcome | undefined> {
  const leaves = index % LEAVES_EVERY === 0;
  const body = JSON.stringify({
    model: 'pippa-tiny',
    prompt: `Question ${index}`,
    max_tokens: TOKENS,
    ignore_eos: true,
    stream: leaves || index % 2 === 0,
  });
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const call = request(`${agent.url}/v1/completions`, { method: 'POST', agent: connections, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        if (leaves) call.destroy();
      });
      response.on('end', () => {
        const retryAfter = response.headers['retry-after'];
        resolve(leaves ? undefined : { status: response.statusCode ?? 0, retryAfter, body: text });
      });
      response.on('error', () => (leaves ? resolve(undefined) : reject(new Error('cut off'))));
    });
    call.on('error', (error) => (leaves ? resolve(undefined) : reject(error)));
    call.on('close', () => resolve(undefined));
    call.end(body);
    // Some leave before anything was said.
    if (leaves && index % (2 * LEAVES_EVERY) === 0) call.once('finish', () => call.destroy());
  });
}

interface Health {
  readonly active_generations: number;
  readonly rings: readonly {
    readonly running: number;
    readonly waiting: number;
    readonly freeSlots: number;
    readonly slots: number;
  }[];
}

async function health(): Promise<Health> {
  return (await (await fetch(`${agent.url}/health`)).json()) as Health;
}

test(`${REQUESTS} requests at once are answered or told to come back, and leave no slot taken`, async () => {
  const outcomes = await Promise.all(Array.from({ length: REQUESTS }, (_, index) => ask(index)));
  const stayed = outcomes.filter((outcome) => outcome !== undefined);
  expect(stayed.length).toBe(REQUESTS - REQUESTS / LEAVES_EVERY);
  for (const { status, retryAfter, body } of stayed) {
    if (status === 200) expect(body).toContain('"finish_reason":"length"');
    else
      expect({ status, waits: Number(retryAfter) >= 1, body }).toMatchObject({
        status: 503,
        waits: true,
        body: expect.stringContaining('overloaded'),
      });
  }
  expect(stayed.filter(({ status }) => status === 200).length).toBeGreaterThan(100);

  await expect.poll(async () => (await health()).active_generations, { timeout: 10_000 }).toBe(0);
  const [ring] = (await health()).rings;
  expect(ring).toMatchObject({ running: 0, waiting: 0, freeSlots: ring?.slots });
  expect(await ask(1)).toMatchObject({ status: 200 });
});
