import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { foundMesh } from '@pippa/mesh';
import type { Generated, GenerateOrder } from '../../support/mesh-node-messages.ts';
import { RemoteNode } from '../../support/remote-node.ts';
import { CONTEXT_TOKENS, DEMO_MODEL, PARALLEL, wholeModelBytes } from './house.ts';

/** Logits of a replay in other step shapes differ by about 0.01 (ENGINE.md). */
const TOLERANCE = 0.1;

/** The model on one node that nothing happens to. */
export class Reference implements AsyncDisposable {
  readonly #node = new RemoteNode('reference');
  readonly #exactReplay: boolean;
  #folder = '';

  private constructor(exactReplay: boolean) {
    this.#exactReplay = exactReplay;
  }

  static async open({ exactReplay }: { readonly exactReplay: boolean }): Promise<Reference> {
    const reference = new Reference(exactReplay);
    reference.#folder = await mkdtemp(join(tmpdir(), 'pippa-chaos-'));
    const options = {
      name: 'reference',
      modelPath: DEMO_MODEL,
      membership: foundMesh(),
      peers: [],
      budgetBytes: 2 * (await wholeModelBytes()),
      shardDirectory: reference.#folder,
      contextTokens: CONTEXT_TOKENS,
      parallelSequences: PARALLEL,
      exactReplay,
    };
    await reference.#node.ask({ kind: 'start', options });
    await reference.#node.ask({ kind: 'up', stages: 1 });
    return reference;
  }

  /**
   * What is wrong with `tokens` as the beginning of the answer; undefined: nothing. With exact replay they are the very same; else each is
   * the likeliest after those before it, but for what lies within the numbers' own error.
   */
  async whatIsWrong(order: GenerateOrder, tokens: readonly number[]): Promise<string | undefined> {
    if (!this.#exactReplay) return this.#whatIsUnlikely(order, tokens);
    if (tokens.length === 0) return undefined;
    const undisturbed = await this.#generate({ ...order, maxTokens: tokens.length });
    const at = undisturbed.tokens.findIndex((token, index) => tokens[index] !== token);
    return at < 0 ? undefined : `token ${at} is ${tokens[at]}, and ${undisturbed.tokens[at]} in the undisturbed answer`;
  }

  async #whatIsUnlikely({ prompt }: GenerateOrder, tokens: readonly number[]): Promise<string | undefined> {
    let from = 0;
    while (from < tokens.length) {
      const begun = [...prompt, ...tokens.slice(0, from)];
      const undisturbed = await this.#generate({ prompt: begun, maxTokens: tokens.length - from });
      const difference = undisturbed.tokens.findIndex((token, index) => tokens[from + index] !== token);
      if (difference < 0) return undefined;
      const at = from + difference;
      const { first } = await this.#generate({ prompt: [...prompt, ...tokens.slice(0, at)], maxTokens: 1, logprobs: 20 });
      // Not the likeliest of all: that may be the model's own end, which the answer goes past.
      const undisturbedly = first?.logprob ?? 0;
      const chosen = first?.top.find(({ token }) => token === tokens[at])?.logprob ?? -Infinity;
      if (undisturbedly - chosen > TOLERANCE)
        return `token ${at} is ${tokens[at]}, whose log probability is ${undisturbedly - chosen} below that of ${first?.token}`;
      from = at + 1;
    }
    return undefined;
  }

  #generate(order: GenerateOrder): Promise<Generated> {
    return this.#node.ask({ kind: 'generate', ...order }) as Promise<Generated>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
