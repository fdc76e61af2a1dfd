import { peerId } from '@pippa/core';
import type { PlacedStage } from '@pippa/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { collect, expectedTokens, House, request, wish, type Member } from './support/house.ts';
import { unexplainedFailures } from './support/simulation.ts';

const PROMPT = Array.from({ length: 100 }, (_, index) => (index * 7) % 900);
const signal = new AbortController().signal;
const placed = (peer: string, from: number, to: number): PlacedStage => ({ peer: peerId(peer), from, to });

let house = new House();
afterEach(() => house.stop());

async function ringOfThree(room: number): Promise<{ members: Member[]; first: Member; ring: Member['manager']['rings'][number] }> {
  house = new House();
  const members: Member[] = [];
  for (const name of ['a', 'b', 'c']) members.push(await house.add(name, { room }));
  const [first] = members as [Member];
  const ring = await first.manager.bringUp(wish, undefined, { signal });
  await collect(first.generator.generate(request(PROMPT, 5)));
  return { members, first, ring };
}

describe('a ring with a slow node', () => {
  it('moves layers off it between answers, over stages of the same nodes', async () => {
    const { members, first, ring } = await ringOfThree(12);
    const stages = [placed('a', 0, 4), placed('b', 4, 6), placed('c', 6, 12)];
    first.planner.nextMove = stages;
    await expect.poll(() => ring.stages).toEqual(stages);
    const { tokens } = await collect(first.generator.generate(request(PROMPT, 20)));
    expect(tokens).toEqual(expectedTokens(PROMPT, 20));
    await expect.poll(() => members.map((member) => member.loader.loaded)).toEqual([1, 1, 1]);
    expect(ring.recoveries).toEqual([]);
    expect(unexplainedFailures(members)).toEqual([]);
  });

  it('moves them in an answer that does not end soon, which goes on as it would have', async () => {
    const { members, first, ring } = await ringOfThree(12);
    const stages = [placed('a', 0, 4), placed('b', 4, 6), placed('c', 6, 12)];
    const { tokens } = await collect(first.generator.generate(request(PROMPT, 600)), async (count) => {
      if (count !== 20) return;
      first.planner.nextMove = stages;
      await expect.poll(() => ring.stages).toEqual(stages);
    });
    expect(tokens).toEqual(expectedTokens(PROMPT, 600));
    expect(unexplainedFailures(members)).toEqual([]);
  });

  it('stays as it is where there is no room for both', async () => {
    const { first, ring } = await ringOfThree(4);
    const before = ring.stages;
    first.planner.nextMove = [placed('a', 0, 4), placed('b', 4, 6), placed('c', 6, 12)];
    await expect.poll(() => first.planner.nextMove).toBeUndefined();
    const { tokens } = await collect(first.generator.generate(request(PROMPT, 20)));
    expect(tokens).toEqual(expectedTokens(PROMPT, 20));
    expect(ring.stages).toEqual(before);
  });
});
