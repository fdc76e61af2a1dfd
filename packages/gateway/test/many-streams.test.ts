import { describe, expect, it } from 'vitest';
import { postRequest, RawClient } from './support/raw-client.ts';
import { usageOf } from './support/scripted-model.ts';
import type { Script } from './support/scripted-model.ts';
import { hello, startGateway, until } from './support/test-gateway.ts';

const STREAMS = 200;
const STEPS = 40;

/** Equal seeds give equal numbers, 0 .. 1. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Gives every generation a token at the same time, when the test says so: a ring's steps. */
class Steps {
  #next = Promise.withResolvers<void>();
  #done = false;
  readonly script: Script;

  constructor() {
    const nextStep = (): Promise<void> => this.#next.promise;
    const isDone = (): boolean => this.#done;
    this.script = async function* play(request, signal) {
      const gone = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      let count = 0;
      for (; ; count++) {
        yield { kind: 'text', text: `<${count}>` };
        await Promise.race([nextStep(), gone]);
        signal.throwIfAborted();
        if (isDone()) break;
      }
      yield { kind: 'finish', reason: 'stop', usage: usageOf(request, count + 1) };
    };
  }

  step(): void {
    const next = this.#next;
    this.#next = Promise.withResolvers();
    next.resolve();
  }

  finish(): void {
    this.#done = true;
    this.step();
  }
}

/** One client with its stream, which has got `tokens` so far. */
class Reader {
  readonly client: RawClient;
  tokens = 0;

  constructor(port: number) {
    this.client = new RawClient(port);
    this.client.send(postRequest('/v1/chat/completions', { ...hello, stream: true }));
  }

  /** Settles with the next token: one that never comes is a stream that starves. */
  async next(): Promise<void> {
    await until(() => this.client.received.includes(`<${this.tokens}>`) || this.client.socket.destroyed);
    if (this.client.socket.destroyed) throw new Error(`The stream broke off after ${this.tokens} tokens.`);
    this.tokens += 1;
  }
}

describe('200 streams at once', () => {
  it('of which clients leave at random get every token at its step, and leave nothing behind', async () => {
    const random = randomNumbers(7);
    const steps = new Steps();
    const { gateway, port, model, idle, url } = await startGateway({ script: steps.script });
    const readers = new Set(Array.from({ length: STREAMS }, () => new Reader(port)));
    let left = 0;
    for (let step = 0; step < STEPS; step++) {
      // The next step comes only when everybody has the last one's token.
      await Promise.all([...readers].map((reader) => reader.next()));
      for (const reader of readers) {
        if (random() > 0.03) continue;
        // Some close their side politely, some are just gone.
        if (random() < 0.3) reader.client.socket.end();
        else reader.client.socket.destroy();
        readers.delete(reader);
        left += 1;
        // Of the newcomers some leave before they have seen anything.
        const newcomer = new Reader(port);
        if (random() < 0.2) newcomer.client.socket.destroy();
        else readers.add(newcomer);
      }
      steps.step();
    }
    await Promise.all([...readers].map((reader) => reader.next()));
    await until(() => model.running === readers.size);
    steps.finish();
    await Promise.all([...readers].map((reader) => until(() => reader.client.received.includes('[DONE]'))));
    expect(left).toBeGreaterThan(50);
    for (const { client, tokens } of readers) {
      const said = [...client.received.matchAll(/<(\d+)>/g)].map(([, number]) => Number(number));
      expect(said).toEqual(Array.from({ length: tokens }, (_, index) => index));
      client.socket.destroy();
    }
    await idle();
    await until(() => gateway.counters().openConnections === 0);
    expect(model.running).toBe(0);
    expect(gateway.counters()).toMatchObject({
      activeRequests: 0,
      activeGenerations: 0,
      bufferedBodyBytes: 0,
      serverErrors: 0,
    });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(new RegExp(`pippa_generations_total{model="tiny",outcome="stop"} ${readers.size}\n`));
    expect(metrics).not.toContain('outcome="failed"');
  }, 20_000);
});
