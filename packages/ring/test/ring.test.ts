import { peerId, StageError } from '@pippa/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collect, expectedTokens, House, request, wish, type Member } from './support/house.ts';
import { unexplainedFailures } from './support/simulation.ts';

const PROMPT = Array.from({ length: 100 }, (_, index) => (index * 7) % 900);

let house: House;
beforeEach(() => {
  house = new House();
});
afterEach(() => house.stop());

async function houseOf(...names: string[]): Promise<Member[]> {
  const members: Member[] = [];
  for (const name of names) members.push(await house.add(name));
  return members;
}

const at = (members: readonly Member[], index: number): Member => members[index] as Member;

describe('a ring over several nodes', () => {
  it('is brought up by the first request and gives what the model gives', async () => {
    const members = await houseOf('a', 'b', 'c');
    const { tokens, end } = await collect(at(members, 0).generator.generate(request(PROMPT, 20)));
    expect(tokens).toEqual(expectedTokens(PROMPT, 20));
    expect(end).toMatchObject({ reason: 'length', usage: { promptTokens: 100, generatedTokens: 20 } });
    expect(at(members, 0).mesh.card.rings).toMatchObject([
      {
        state: 'ready',
        stages: [
          { peer: 'a', from: 0, to: 4 },
          { peer: 'b', from: 4, to: 8 },
          { peer: 'c', from: 8, to: 12 },
        ],
      },
    ]);
  });

  it('is conducted by another node where the first one cannot have its layers', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    at(members, 0).loader.faults.refuseWith = new Error('No space is left on the disk.');
    const { tokens } = await collect(at(members, 0).generator.generate(request(PROMPT, 20)));
    expect(tokens).toEqual(expectedTokens(PROMPT, 20));
    expect(at(members, 1).mesh.card.rings).toMatchObject([{ state: 'ready' }]);
    expect(at(members, 0).mesh.card.rings).toEqual([]);
  });

  it('is conducted by another node where the first one that is asked cannot have its layers', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    at(members, 0).loader.faults.refuseWith = new Error('No space is left on the disk.');
    const { tokens } = await collect(at(members, 3).generator.generate(request(PROMPT, 20)));
    expect(tokens).toEqual(expectedTokens(PROMPT, 20));
  });

  it('says why the only node that could conduct does not', async () => {
    const only = await house.add('only', { perNode: 12 });
    only.loader.faults.refuseWith = new Error('No space is left on the disk.');
    const coming = only.router.bringUp(wish, { signal: AbortSignal.timeout(5000) });
    await expect(coming).rejects.toMatchObject({ name: 'StageRefusedError' });
  });

  it('is waited for where another node has it coming up, whatever this one would plan', async () => {
    const members = await houseOf('a', 'b', 'c');
    const placement = ['b', 'c', 'a'].map((name, index) => ({ peer: peerId(name), from: 4 * index, to: 4 * index + 4 }));
    const { signal } = new AbortController();
    const coming = at(members, 1).manager.bringUp(wish, placement, { signal });
    await expect.poll(() => at(members, 0).router.rings()).toMatchObject([{ card: { state: 'loading' } }]);
    // Whoever waits for it and whoever does not: everybody can say that it is coming, once.
    for (const { router } of members) expect(router.comingUp).toMatchObject([{ id: wish.model.id, name: wish.model.name }]);
    await Promise.all([0, 2].map((index) => at(members, index).router.bringUp(wish, { signal })));
    await coming;
    expect(members.map(({ loader }) => loader.loads)).toEqual([1, 1, 1]);
    expect(at(members, 0).router.rings()).toMatchObject([{ conductor: 'b', card: { state: 'ready' } }]);
    for (const { router } of members) expect(router.comingUp).toEqual([]);
  });

  it('is brought up here where one that was coming up elsewhere does not', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    const placement = ['d', 'b', 'c'].map((name, index) => ({ peer: peerId(name), from: 4 * index, to: 4 * index + 4 }));
    const { signal } = new AbortController();
    at(members, 3).loader.faults.refuseWith = new Error('No space is left on the disk.');
    const coming = at(members, 3).manager.bringUp(wish, placement, { signal });
    coming.catch(() => {});
    await expect.poll(() => at(members, 0).router.rings()).toMatchObject([{ card: { state: 'loading' } }]);
    const { tokens } = await collect(at(members, 0).generator.generate(request(PROMPT, 20)));
    expect(tokens).toEqual(expectedTokens(PROMPT, 20));
    await expect(coming).rejects.toThrow();
  });

  it('answers at any node, with one ring for all', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    const answers = await Promise.all(members.map((member) => collect(member.generator.generate(request(PROMPT, 20)))));
    for (const { tokens } of answers) expect(tokens).toEqual(expectedTokens(PROMPT, 20));
    expect(members.reduce((sum, member) => sum + member.loader.loaded, 0)).toBeGreaterThanOrEqual(3);
  });

  it('frees the sequence when the client of another node leaves', async () => {
    const [a, b] = await houseOf('a', 'b', 'c');
    await collect((a as Member).generator.generate(request(PROMPT, 1)));
    for await (const event of (b as Member).generator.generate(request(PROMPT, 1000))) {
      if (event.kind === 'token' && event.position > 110) break;
    }
    const ring = (a as Member).manager.rings[0];
    await expect.poll(() => ring?.snapshot()).toMatchObject({ running: 0, waiting: 0, freeSlots: 4 });
  });

  it('takes nothing that a stage still computes for a conductor that is gone', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    await at(members, 0).manager.bringUp(wish, undefined, { signal: new AbortController().signal });
    const { loader } = at(members, 1);
    loader.faults.stall = true;
    collect(at(members, 0).generator.generate(request(PROMPT, 20))).catch(() => {});
    const computed = (): number => loader.stages[0]?.rows ?? 0;
    await expect.poll(computed).toBeGreaterThan(0);
    const rest = members.slice(1);
    house.kill(at(members, 0));
    // Steps that it had are all computed by then.
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    const before = computed();
    const prompt = PROMPT.toReversed();
    const answer = collect(at(members, 3).generator.generate(request(prompt, 20)));
    await expect.poll(computed).toBeGreaterThan(before);
    // What it computed for the old one comes out together with the first step of the new one.
    loader.faults.stall = false;
    loader.stages[0]?.flush();
    expect((await answer).tokens).toEqual(expectedTokens(prompt, 20));
    expect(unexplainedFailures(rest)).toEqual([]);
    expect(rest.map((member) => member.loader.loads)).toEqual([1, 1, 1]);
  });

  it('is unloaded everywhere when it is taken down', async () => {
    const members = await houseOf('a', 'b', 'c');
    await collect(at(members, 0).generator.generate(request(PROMPT, 2)));
    const [ring] = at(members, 1).router.rings();
    if (ring === undefined) throw new Error('no ring');
    await at(members, 1).router.takeDown(ring, { forget: true, signal: new AbortController().signal });
    await expect
      .poll(() => members.map((member) => [member.loader.loaded, member.host.count]))
      .toEqual([
        [0, 0],
        [0, 0],
        [0, 0],
      ]);
    expect(at(members, 0).mesh.card).toMatchObject({ rings: [], stages: [] });
    await expect.poll(() => members.map((member) => member.mesh.openStreams)).toEqual([0, 0, 0]);
  });

  it('leaves out a node that refuses, and says why when nobody is left', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    at(members, 1).loader.faults.refuseWith = new StageError('no memory');
    const { tokens } = await collect(at(members, 0).generator.generate(request(PROMPT, 5)));
    expect(tokens).toEqual(expectedTokens(PROMPT, 5));
    expect(at(members, 0).manager.rings[0]?.stages.map((stage) => stage.peer)).toEqual(['a', 'd', 'c']);
  });

  it('says what is missing when the model fits nowhere, and holds nothing', async () => {
    const members = await houseOf('a', 'b');
    await expect(collect(at(members, 0).generator.generate(request(PROMPT, 5)))).rejects.toMatchObject({
      name: 'PlacementRefusedError',
    });
    expect(members.map((member) => [member.loader.loaded, member.host.count, member.mesh.openStreams])).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });
});

describe('a ring that loses a node', () => {
  it('goes on with the same text when a stage is killed', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    const { tokens } = await collect(at(members, 0).generator.generate(request(PROMPT, 60)), (count) => {
      if (count === 20) house.kill(at(members, 1));
    });
    expect(tokens).toEqual(expectedTokens(PROMPT, 60));
    expect(at(members, 0).manager.rings[0]?.stages.map((stage) => stage.peer)).toEqual(['a', 'd', 'c']);
    expect(at(members, 0).loader.loads).toBe(1);
    expect(at(members, 2).loader.loads).toBe(1);
    // Everybody is told that it was mended.
    expect(
      at(members, 3)
        .router.rings()
        .map(({ card }) => card.recoveries),
    ).toEqual([1]);
  });

  it('goes on with many streams when two stages are killed at once', async () => {
    const members = await houseOf('a', 'b', 'c', 'd', 'e');
    let killed = false;
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        collect(at(members, 0).generator.generate(request([...PROMPT, index], 40)), (count) => {
          if (count < 10 || killed) return;
          killed = true;
          house.kill(at(members, 1));
          house.kill(at(members, 2));
        }),
      ),
    );
    for (const [index, { tokens }] of answers.entries()) expect(tokens).toEqual(expectedTokens([...PROMPT, index], 40));
  });

  it('waits for a node to come back when nobody else has room', async () => {
    const members = await houseOf('a', 'b', 'c');
    const { tokens } = await collect(at(members, 0).generator.generate(request(PROMPT, 40)), (count) => {
      if (count !== 10) return;
      house.kill(at(members, 2));
      setTimeout(() => void house.add('c'), 20);
    });
    expect(tokens).toEqual(expectedTokens(PROMPT, 40));
  });

  it('goes on at another conductor when the conductor is killed, for a front on another node', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    await collect(at(members, 0).generator.generate(request(PROMPT, 1)));
    const { tokens, end } = await collect(at(members, 3).generator.generate(request(PROMPT, 60)), (count) => {
      if (count === 20) house.kill(at(members, 0));
    });
    expect(tokens).toEqual(expectedTokens(PROMPT, 60));
    expect(end?.usage).toMatchObject({ promptTokens: 100, generatedTokens: 60 });
  });

  it('replaces a node that stands still while a step is under way', async () => {
    house = new House();
    const members: Member[] = [];
    for (const name of ['a', 'b', 'c', 'd']) members.push(await house.add(name, { settings: { overdueMs: 20 } }));
    const { tokens } = await collect(at(members, 0).generator.generate(request(PROMPT, 60)), (count) => {
      if (count === 20) house.network.freeze(at(members, 1).mesh.self);
    });
    expect(tokens).toEqual(expectedTokens(PROMPT, 60));
    expect(at(members, 0).manager.rings[0]?.stages.map((stage) => stage.peer)).toEqual(['a', 'd', 'c']);
    house.network.thaw(at(members, 1).mesh.self);
    await expect.poll(() => at(members, 1).mesh.card.stages).toEqual([]);
  });

  it('links again when only the way between two stages is lost', async () => {
    const members = await houseOf('a', 'b', 'c');
    const { tokens } = await collect(at(members, 0).generator.generate(request(PROMPT, 60)), (count) => {
      if (count !== 20) return;
      house.network.cut(at(members, 1).mesh.self, at(members, 2).mesh.self);
      house.network.heal(at(members, 1).mesh.self, at(members, 2).mesh.self);
    });
    expect(tokens).toEqual(expectedTokens(PROMPT, 60));
    expect(members.map((member) => member.loader.loads)).toEqual([1, 1, 1]);
  });

  it('computes again what a stage failed at, and blames the node that sends what are no numbers', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    const { tokens } = await collect(at(members, 0).generator.generate(request(PROMPT, 60)), (count) => {
      if (count === 10) at(members, 2).loader.faults.failNextStep = true;
      if (count === 30) at(members, 1).loader.faults.poison = true;
    });
    expect(tokens).toEqual(expectedTokens(PROMPT, 60));
    expect(at(members, 0).manager.rings[0]?.stages.map((stage) => stage.peer)).toEqual(['a', 'd', 'c']);
  });

  it('ends with an honest error when nothing can hold what was lost, and works again later', async () => {
    const members: Member[] = [];
    for (const name of ['a', 'b', 'c']) members.push(await house.add(name, { settings: { recoverMs: 30 } }));
    const tokens: number[] = [];
    const kept = { ...wish, keep: true };
    const stream = at(members, 0).manager.bringUp(kept, undefined, { signal: new AbortController().signal });
    const ring = await stream;
    await expect(
      (async () => {
        for await (const event of ring.conductor.generate(request(PROMPT, 60))) {
          if (event.kind === 'token') tokens.push(event.token);
          if (tokens.length === 20) house.kill(at(members, 2));
        }
      })(),
    ).rejects.toMatchObject({ name: 'StageError', message: expect.stringContaining('No room for layer 8') });
    expect(tokens).toEqual(expectedTokens(PROMPT, 60).slice(0, tokens.length));
    expect(members.map(({ givenUp }) => givenUp)).toEqual([[kept], [], []]);
    await house.add('c2');
    const again = await collect(at(members, 0).generator.generate(request(PROMPT, 30)));
    expect(again.tokens).toEqual(expectedTokens(PROMPT, 30));
  });

  it('keeps the stages of a lost conductor for the next one', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    await collect(at(members, 0).generator.generate(request(PROMPT, 1)));
    const before = at(members, 2).loader.loads;
    await collect(at(members, 3).generator.generate(request(PROMPT, 40)), (count) => {
      if (count === 10) house.kill(at(members, 0));
    });
    expect(at(members, 2).loader.loads - before).toBeLessThanOrEqual(1);
  });

  it("has a leaving node's layers loaded elsewhere before it goes", async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    let left: Promise<void> | undefined;
    const { tokens } = await collect(at(members, 0).generator.generate(request(PROMPT, 60)), (count) => {
      if (count === 20)
        left = at(members, 1)
          .router.handOver(new AbortController().signal)
          .then(() => at(members, 1).stop());
    });
    await left;
    expect(tokens).toEqual(expectedTokens(PROMPT, 60));
    const [ring] = at(members, 0).manager.rings;
    expect(ring?.stages.map((stage) => stage.peer)).toEqual(['a', 'd', 'c']);
    expect(ring?.recoveries).toEqual([]);
    expect(at(members, 1).loader.loaded).toBe(0);
  });

  it("moves a leaving conductor's answers to a ring elsewhere", async () => {
    const members = await houseOf('a', 'b', 'c', 'd', 'e');
    await collect(at(members, 0).generator.generate(request(PROMPT, 1)));
    let left: Promise<void> | undefined;
    const { tokens } = await collect(at(members, 4).generator.generate(request(PROMPT, 60)), (count) => {
      if (count !== 20) return;
      left = at(members, 0)
        .router.handOver(new AbortController().signal)
        .then(() => at(members, 0).stop());
    });
    await left;
    expect(tokens).toEqual(expectedTokens(PROMPT, 60));
    expect(at(members, 0).loader.loaded).toBe(0);
  });
});

it('comes up on whoever is left when a node goes while stages are loaded, beside the stages that are there already', async () => {
  const members: Member[] = [];
  for (const name of ['a', 'b', 'c', 'd']) members.push(await house.add(name, { room: 4 }));
  at(members, 1).loader.faults.refuseWith = new StageError('about to leave');
  const { tokens } = await collect(at(members, 0).generator.generate(request(PROMPT, 5)));
  expect(tokens).toEqual(expectedTokens(PROMPT, 5));
  // Nobody has loaded anything twice: their memory was taken by then.
  expect(members.map((member) => member.loader.loads)).toEqual([1, 0, 1, 1]);
});
