import { Agent, request } from 'node:http';
import { readFileSync } from 'node:fs';
import { serveAgent, type ServingAgent } from '../../one-node/support/agent-process.ts';

/** When the parts of a streamed answer arrived, in milliseconds since the request was sent. */
export interface StreamTimes {
  readonly firstMs: number;
  readonly lastMs: number;
  /** Of every part with text in it. */
  readonly arrivedMs: readonly number[];
  readonly generatedTokens: number;
  readonly cachedTokens: number;
  readonly promptTokens: number;
}

/** `pippa-agent` as people run it, in a process of its own, with the bench model. */
export class AgentClient implements AsyncDisposable {
  readonly #agent: ServingAgent;
  readonly #model: string;
  readonly #connections = new Agent({ keepAlive: true });

  constructor(agent: ServingAgent, model: string) {
    this.#agent = agent;
    this.#model = model;
  }

  get processId(): number {
    return this.#agent.process.pid ?? 0;
  }

  /** Milliseconds of processor time that the agent has used so far, over all its threads (Linux; undefined elsewhere). */
  cpuMs(): number | undefined {
    try {
      const fields = readFileSync(`/proc/${this.processId}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10;
    } catch {
      return undefined;
    }
  }

  /** Streams an answer to token ids, greedily and past the model's own end. */
  complete(prompt: readonly number[], maxTokens: number): Promise<StreamTimes> {
    return this.#stream('/v1/completions', { prompt }, maxTokens);
  }

  chat(text: string, maxTokens: number): Promise<StreamTimes> {
    return this.#stream('/v1/chat/completions', { messages: [{ role: 'user', content: text }] }, maxTokens);
  }

  #stream(path: string, what: Record<string, unknown>, maxTokens: number): Promise<StreamTimes> {
    const body = JSON.stringify({
      model: this.#model,
      ...what,
      max_tokens: maxTokens,
      temperature: 0,
      ignore_eos: true,
      stream: true,
      stream_options: { include_usage: true },
    });
    return new Promise((resolve, reject) => {
      const sentMs = performance.now();
      let firstMs = 0;
      let lastMs = 0;
      const arrivedMs: number[] = [];
      let tail = '';
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const call = request(`${this.#agent.url}${path}`, { method: 'POST', agent: this.#connections, headers }, (response) => {
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          tail = (tail + chunk).slice(-4096);
          // The last chunks tell the usage; they come with the last token or right after it and hold no `"index":`.
          if (!chunk.includes('"index":')) return;
          lastMs = performance.now() - sentMs;
          if (firstMs === 0) firstMs = lastMs;
          arrivedMs.push(lastMs);
        });
        response.on('end', () => {
          const number = (key: string): number => Number(new RegExp(`"${key}":(\\d+)`).exec(tail)?.[1] ?? 0);
          const generatedTokens = number('completion_tokens');
          if (response.statusCode !== 200 || generatedTokens !== maxTokens) reject(new Error(`${response.statusCode}: ${tail}`));
          else
            resolve({
              firstMs,
              lastMs,
              arrivedMs,
              generatedTokens,
              cachedTokens: number('cached_tokens'),
              promptTokens: number('prompt_tokens'),
            });
        });
        response.on('error', reject);
      });
      call.setNoDelay(true);
      call.on('error', reject);
      call.end(body);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connections.destroy();
    await this.#agent[Symbol.asyncDispose]();
  }
}

export async function startAgent(modelPath: string, threads: number, words: readonly string[] = []): Promise<AgentClient> {
  const agent = await serveAgent(['--model', modelPath, '--threads', String(threads), '--context', '2048', ...words]);
  const { data } = (await (await fetch(`${agent.url}/v1/models`)).json()) as { data: readonly { id: string }[] };
  return new AgentClient(agent, data[0]?.id ?? '');
}
