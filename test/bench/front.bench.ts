import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { callAgent } from '../../agent/src/control/client.ts';
import { inviteOperation, statusOperation } from '../../agent/src/operations/mesh-operations.ts';
import { serveAgent } from '../one-node/support/agent-process.ts';
import { AgentClient, type StreamTimes } from './harness/agent-client.ts';
import { defineBench } from './harness/define.ts';
import { interleave } from './harness/interleave.ts';
import { differences, median } from './harness/statistics.ts';

const MODEL = 'pippa-tiny';
const LOOPBACK = process.platform === 'darwin' ? 'lo0' : 'lo';
/** Well within the demo model's context. */
const TOKENS = 150;
const WARM_ANSWERS = 20;
/** Answers of one token in a round; their median is the round's first token. */
const SHORT_ANSWERS = 15;

interface House {
  /** Holds the model. */
  readonly holder: AgentClient;
  /** Holds nothing; what it is asked is computed by the other. */
  readonly front: AgentClient;
  readonly holderState: string;
  readonly frontState: string;
  close(): Promise<void>;
}

/** Two agents in processes of their own, on the loopback. */
async function openHouse(): Promise<House> {
  const folder = await mkdtemp(join(tmpdir(), 'pippa-front-'));
  const start = async (name: string, words: readonly string[]): Promise<AgentClient> => {
    const environment = { PIPPA_MESH: 'on', PIPPA_STATE_DIR: join(folder, name) };
    const own = ['--name', name, '--mesh-port', '0', '--interface', LOOPBACK];
    return new AgentClient(await serveAgent([...own, ...words], { environment }), MODEL);
  };
  const holderState = join(folder, 'holder', 'agent.sock');
  const frontState = join(folder, 'front', 'agent.sock');
  const holder = await start('holder', ['--threads', '1']);
  const { code } = await callAgent(holderState, inviteOperation, {});
  const { mesh } = await callAgent(holderState, statusOperation, {});
  const [address = ''] = mesh.state === 'on' ? mesh.addresses : [];
  const front = await start('front', ['--model', 'none', '--join', code, '--peer', address]);
  return {
    holder,
    front,
    holderState,
    frontState,
    async close() {
      await front[Symbol.asyncDispose]();
      await holder[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The front has heard of the ring. */
async function untilSeen({ frontState }: House): Promise<void> {
  for (;;) {
    const { peers } = await callAgent(frontState, statusOperation, {});
    if (peers.some(({ card }) => card?.rings.some(({ state }) => state === 'ready'))) return;
    await sleep(50);
  }
}

const QUESTION = 'Tell me a story about a mesh of computers.';

/** Milliseconds from one token to the next: the median of an answer. */
function gapOf({ arrivedMs }: StreamTimes): number {
  return median(arrivedMs.slice(1).map((atMs, index) => atMs - (arrivedMs[index] ?? 0)));
}

export default defineBench({
  title: 'a token that comes through another node against one of the node that computes it',
  rounds: 15,
  async run(context) {
    const house = await openHouse();
    try {
      await untilSeen(house);
      const { holder, front, frontState } = house;
      const totals = { local: [] as number[], through: [] as number[] };
      const long = (agent: AgentClient, into: number[]) => async (round: number) => {
        const times = await agent.chat(QUESTION, TOKENS);
        if (round >= 0) into[round] = (times.lastMs - times.firstMs) / (TOKENS - 1);
        return gapOf(times);
      };
      const short = (agent: AgentClient) => async () => {
        const firsts: number[] = [];
        for (let answer = 0; answer < SHORT_ANSWERS; answer++) firsts.push((await agent.chat(QUESTION, 1)).firstMs);
        return median(firsts);
      };
      for (let answer = 0; answer < WARM_ANSWERS; answer++)
        for (const agent of [holder, front]) {
          await agent.chat(QUESTION, TOKENS);
          await agent.chat(QUESTION, 1);
        }
      const ours = (): number => (holder.cpuMs() ?? 0) + (front.cpuMs() ?? 0);
      const gaps = await interleave(context, { local: long(holder, totals.local), through: long(front, totals.through) }, ours);
      const firsts = await interleave(context, { local: short(holder), through: short(front) }, ours);
      const { self } = await callAgent(frontState, statusOperation, {});
      if (self.stages.length > 0) throw new Error('The front computed itself.');
      return [
        { name: 'between two tokens, local, p50', unit: 'ms', samples: gaps.local },
        {
          name: 'between two tokens, through a peer - local',
          unit: 'ms',
          samples: differences(gaps.through, gaps.local),
          target: { atMost: 1 },
        },
        {
          name: `a token of ${TOKENS}, through a peer - local`,
          unit: 'ms',
          samples: differences(totals.through, totals.local),
          target: { atMost: 1 },
        },
        { name: 'first token, local', unit: 'ms', samples: firsts.local },
        { name: 'first token, through a peer - local', unit: 'ms', samples: differences(firsts.through, firsts.local) },
      ];
    } finally {
      await house.close();
    }
  },
});
