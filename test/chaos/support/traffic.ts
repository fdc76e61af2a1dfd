import type { GenerateOrder, Generated } from '../../support/mesh-node-messages.ts';
import { RemoteNodeError, type RemoteNode } from '../../support/remote-node.ts';
import type { House } from './house.ts';
import { Random } from '../../../packages/ring/test/support/random.ts';
import { pick } from './pick.ts';
import type { Reference } from './reference.ts';

/** Token ids that prompts are made of. */
const VOCABULARY = [10, 410] as const;
const PROMPT_TOKENS = [4, 160] as const;
const ANSWER_TOKENS = [1, 200] as const;
/** A client that hears nothing for so long has found a stream that hangs: rings are mended, or given up, within 60 seconds. */
const SILENCE_MS = 100_000;
/** A client that is told to come back later does, so often at least and for so long at least: a front may take a minute to say so. */
const PATIENCE_MS = 60_000;
const PATIENCE_TRIES = 10;
const COME_BACK_MS = 250;
/** What a front says when nobody has room now: allowed before the first token. */
const REFUSALS = ['PlacementRefusedError', 'OverloadedError', 'StageRefusedError'];

export interface TrafficCounts {
  /** Answers that came whole. */
  whole: number;
  cancelled: number;
  /** Their front went. */
  frontGone: number;
  /** Times that a client was told before the first token to come back later. */
  refused: number;
  tokens: number;
  longestPauseMs: number;
}

interface Answer {
  readonly front: RemoteNode;
  readonly order: GenerateOrder;
  readonly tokens: number[];
}

/** Clients that ask all the time, each on a front of its own choice, and check what they get. */
export class Traffic {
  readonly counts: TrafficCounts = { whole: 0, cancelled: 0, frontGone: 0, refused: 0, tokens: 0, longestPauseMs: 0 };
  /** What no client may ever see. */
  readonly wrongs: string[] = [];
  readonly #house: House;
  readonly #reference: Reference;
  readonly #exactReplay: boolean;
  readonly #tell: (what: string) => void;
  readonly #clients: Promise<void>[] = [];
  #stopped = false;

  constructor(parts: {
    readonly house: House;
    readonly reference: Reference;
    readonly exactReplay: boolean;
    readonly tell: (what: string) => void;
  }) {
    this.#house = parts.house;
    this.#reference = parts.reference;
    this.#exactReplay = parts.exactReplay;
    this.#tell = parts.tell;
  }

  start(clients: number, seed: number): void {
    for (let client = 0; client < clients; client += 1) this.#clients.push(this.#live(new Random(seed * 1000 + client), client));
  }

  /** Every client gets its last answer; settles when all are checked. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
  }

  async #live(random: Random, client: number): Promise<void> {
    let before: Answer | undefined;
    while (!this.#stopped) {
      const order = this.#next(random, before);
      const cancelAfter = random.chance(0.2) ? random.below(order.maxTokens) : undefined;
      try {
        before = await this.#ask(random, client, order, cancelAfter);
      } catch (error) {
        this.#wrong(client, order, String(error));
      }
    }
  }

  /** Some conversations go on, others begin, and some begin like the one before. */
  #next(random: Random, before: Answer | undefined): GenerateOrder {
    const maxTokens = Math.round(random.between(...ANSWER_TOKENS));
    const fresh = Array.from({ length: Math.round(random.between(...PROMPT_TOKENS)) }, () =>
      Math.floor(random.between(...VOCABULARY)),
    );
    const seed = random.below(2 ** 31);
    const temperature = this.#exactReplay && random.chance(0.5) ? 0.8 : 0;
    const said = before === undefined || random.chance(0.6) ? [] : [...before.order.prompt, ...before.tokens];
    const goesOn = said.length > 0 && said.length + maxTokens < 300;
    return { prompt: goesOn ? [...said, ...fresh.slice(0, 20)] : fresh, maxTokens, temperature, seed };
  }

  async #ask(random: Random, client: number, order: GenerateOrder, cancelAfter: number | undefined): Promise<Answer | undefined> {
    const sinceMs = performance.now();
    for (let tries = 1; ; tries += 1) {
      const front = pick(this.#house.nodes, random.share())?.remote;
      if (front === undefined) throw new Error('No node is left.');
      const answer: Answer = { front, order, tokens: [] };
      const refusal = await this.#receive(client, answer, cancelAfter);
      if (refusal === undefined) {
        const wrong = await this.#reference.whatIsWrong(order, answer.tokens);
        if (wrong !== undefined) this.#wrong(client, order, `${front.name}: ${wrong}`);
        return answer;
      }
      this.counts.refused += 1;
      if (tries >= PATIENCE_TRIES && performance.now() - sinceMs > PATIENCE_MS) throw refusal;
      await new Promise((resolve) => setTimeout(resolve, COME_BACK_MS));
    }
  }

  /** One answer, as far as it comes; what comes back is a refusal. */
  async #receive(client: number, { front, order, tokens }: Answer, cancelAfter: number | undefined): Promise<Error | undefined> {
    const leaves = new AbortController();
    let heardMs = performance.now();
    const silence = Promise.withResolvers<never>();
    const timer = setInterval(() => {
      if (performance.now() - heardMs < SILENCE_MS) return;
      silence.reject(new Error(`${front.name} said nothing for ${SILENCE_MS} ms after ${tokens.length} tokens`));
      leaves.abort();
    }, 1000);
    if (cancelAfter === 0) leaves.abort();
    const onToken = ({ token, position }: { readonly token: number; readonly position: number }): void => {
      const nowMs = performance.now();
      this.counts.longestPauseMs = Math.max(this.counts.longestPauseMs, nowMs - heardMs);
      heardMs = nowMs;
      const expected = order.prompt.length + tokens.length;
      if (position !== expected) this.#wrong(client, order, `${front.name}: a token of position ${position} came at ${expected}`);
      tokens.push(token);
      this.counts.tokens += 1;
      if (tokens.length === cancelAfter) leaves.abort();
    };
    try {
      const asked = front.ask({ kind: 'generate', ...order }, { onToken, signal: leaves.signal }) as Promise<Generated>;
      const generated = await Promise.race([asked, silence.promise]);
      const told = `${tokens.length} tokens came, ${generated.tokens.length} were sent, and ${order.maxTokens} asked for`;
      if (tokens.length !== order.maxTokens || generated.tokens.length !== order.maxTokens) this.#wrong(client, order, told);
      this.counts.whole += 1;
    } catch (error) {
      const reason = error instanceof RemoteNodeError ? error.reason : undefined;
      if (this.#house.isGone(front)) this.counts.frontGone += 1;
      else if (leaves.signal.aborted && reason !== undefined) this.counts.cancelled += 1;
      else if (tokens.length === 0 && reason !== undefined && REFUSALS.includes(reason)) return error as Error;
      else this.#wrong(client, order, `broken after ${tokens.length} tokens: ${String(error)}`);
    } finally {
      clearInterval(timer);
    }
    return undefined;
  }

  #wrong(client: number, order: GenerateOrder, what: string): void {
    const wrong = `client ${client}, prompt of ${order.prompt.length}, ${order.maxTokens} tokens: ${what}`;
    this.wrongs.push(wrong);
    this.#tell(`WRONG: ${wrong}`);
  }
}
