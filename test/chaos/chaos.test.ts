import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomOf } from '../../packages/ring/test/support/random.ts';
import type { RemoteNode } from '../bench/harness/mesh-ring.ts';
import { ChaosHouse } from './chaos-house.ts';

/** `PIPPA_CHAOS_ROUNDS=1000 PIPPA_CHAOS_SEED=7 npm test -- test/chaos` is the long form. */
const rounds = Number(process.env['PIPPA_CHAOS_ROUNDS'] ?? 4);
const seed = Number(process.env['PIPPA_CHAOS_SEED'] ?? 1);

const NODES = 4;
const CLIENTS = 3;
const TOKENS = 120;
/** Logits of a replay in other step shapes differ by about 0.01 (ENGINE.md). */
const TOLERANCE = 0.1;

let house: ChaosHouse;

describe.each([
  { replay: 'fast', exactReplay: false },
  { replay: 'exact', exactReplay: true },
])('a house that things happen to, $replay replay', ({ exactReplay }) => {
  beforeAll(async () => {
    house = await ChaosHouse.open(NODES, { exactReplay });
  }, 120_000);
  afterAll(() => house[Symbol.asyncDispose](), 60_000);

  it(`gives every client the model's text, seed ${seed}, ${rounds} rounds`, async () => {
    const random = randomOf(seed);
    const below = (count: number): number => Math.floor(random() * count);
    const told: string[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const prompts = Array.from({ length: CLIENTS }, () => Array.from({ length: 8 + below(24) }, () => 10 + below(400)));
      const answers = Promise.all(prompts.map((prompt) => house.front.generate(prompt, TOKENS)));
      const fault = FAULTS[below(FAULTS.length)] as Fault;
      const victim = house.others[below(house.others.length)] as RemoteNode;
      const second = house.others[below(house.others.length)] as RemoteNode;
      const afterMs = below(400);
      told.push(`round ${round}: ${fault.name} ${victim.name} after ${afterMs} ms`);
      const mended = new Promise<void>((resolve, reject) => {
        setTimeout(() => void fault.happen(victim, second).then(resolve, reject), afterMs);
      });
      const outcome = await answers.catch((error: unknown) => String(error));
      await mended;
      await house.settled();
      expect(outcome, told.join('\n')).not.toBeTypeOf('string');
      for (const [index, answer] of (outcome as Awaited<typeof answers>).entries()) {
        expect(answer.tokens.length, told.join('\n')).toBe(TOKENS);
        const prompt = prompts[index] ?? [];
        if (exactReplay) expect(answer.tokens, told.join('\n')).toEqual((await house.front.generate(prompt, TOKENS)).tokens);
        else await expectModelsOwn(prompt, answer.tokens, told.join('\n'));
      }
    }
    expect(await house.front.facts()).toMatchObject({ running: 0 });
  }, 3_600_000);
});

interface Fault {
  readonly name: string;
  /** Settles when as many nodes are there as before. */
  happen(victim: RemoteNode, second: RemoteNode): Promise<void>;
}

async function killed(...nodes: readonly RemoteNode[]): Promise<void> {
  for (const node of new Set(nodes)) {
    node.signal('SIGKILL');
    house.drop(node);
    await house.join();
  }
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const FAULTS: readonly Fault[] = [
  { name: 'kill', happen: (victim) => killed(victim) },
  { name: 'kill two', happen: (victim, second) => killed(victim, second) },
  {
    name: 'freeze shortly',
    async happen(victim) {
      victim.signal('SIGSTOP');
      await wait(400);
      victim.signal('SIGCONT');
    },
  },
  {
    name: 'freeze for long',
    async happen(victim) {
      victim.signal('SIGSTOP');
      await wait(5000);
      victim.signal('SIGCONT');
    },
  },
  {
    name: 'leave',
    async happen(victim) {
      house.drop(victim);
      await victim.ask({ kind: 'leave' });
      await victim[Symbol.asyncDispose]();
      await house.join();
    },
  },
  {
    name: 'join and kill',
    async happen(victim) {
      await house.join();
      await killed(victim);
      const [one] = house.others;
      if (one === undefined) return;
      house.drop(one);
      await one.ask({ kind: 'leave' });
      await one[Symbol.asyncDispose]();
    },
  },
];

/** Every token is the likeliest after those before it, but for what lies within the numbers' own error. */
async function expectModelsOwn(prompt: readonly number[], tokens: readonly number[], told: string): Promise<void> {
  let from = 0;
  while (from < tokens.length) {
    const undisturbed = await house.front.generate([...prompt, ...tokens.slice(0, from)], tokens.length - from);
    const difference = undisturbed.tokens.findIndex((token, index) => tokens[from + index] !== token);
    if (difference < 0) return;
    const at = from + difference;
    const { first } = await house.front.generate([...prompt, ...tokens.slice(0, at)], 1, 5);
    const best = first?.top[0]?.logprob ?? 0;
    const chosen = first?.top.find(({ token }) => token === tokens[at])?.logprob ?? -Infinity;
    expect(best - chosen, `${told}\ntoken ${at}`).toBeLessThan(TOLERANCE);
    from = at + 1;
  }
}
