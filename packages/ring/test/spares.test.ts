import { afterEach, describe, expect, it } from 'vitest';
import { collect, expectedTokens, House, request, wish, type Member } from './support/house.ts';
import { unexplainedFailures } from './support/simulation.ts';

const PROMPT = Array.from({ length: 100 }, (_, index) => (index * 7) % 900);
const signal = new AbortController().signal;

let house = new House();
afterEach(() => house.stop());

async function houseOf(...names: string[]): Promise<Member[]> {
  house = new House();
  const members: Member[] = [];
  for (const name of names) members.push(await house.add(name, { room: 4, settings: { keepsSpares: true } }));
  return members;
}

const at = (members: readonly Member[], index: number): Member => members[index] as Member;

describe('the spares of a ring', () => {
  it('are loaded where there is room, and told on the cards', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    const ring = await at(members, 0).manager.bringUp(wish, undefined, { signal });
    await expect.poll(() => ring.spares).toEqual([{ peer: 'd', from: 4, to: 8 }]);
    expect(at(members, 0).mesh.card.rings[0]?.spares).toEqual([{ peer: 'd', from: 4, to: 8 }]);
    expect(at(members, 3).mesh.card.stages).toMatchObject([{ from: 4, to: 8, spare: true }]);
    // Another one comes when another node does.
    await house.add('e', { room: 4 });
    await expect.poll(() => ring.spares).toHaveLength(2);
  });

  it('stand in at once for a stage that is lost, and are spares no longer', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    const ring = await at(members, 0).manager.bringUp(wish, undefined, { signal });
    await expect.poll(() => ring.spares).toHaveLength(1);
    const loads = at(members, 3).loader.loads;
    const { tokens } = await collect(at(members, 0).generator.generate(request(PROMPT, 60)), (count) => {
      if (count === 20) house.kill(at(members, 1));
    });
    expect(tokens).toEqual(expectedTokens(PROMPT, 60));
    expect(ring.stages.map((stage) => stage.peer)).toEqual(['a', 'd', 'c']);
    expect(at(members, 3).loader.loads).toBe(loads);
    expect(at(members, 3).mesh.card.stages).toEqual([expect.not.objectContaining({ spare: true })]);
    expect(ring.spares).toEqual([]);
    expect(unexplainedFailures(members)).toEqual([]);
  });

  it('are given the caches of their stages, and have only the rest to compute when they stand in', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    const ring = await at(members, 0).manager.bringUp(wish, undefined, { signal });
    await expect.poll(() => ring.spares).toHaveLength(1);
    let killed = false;
    const answers = await Promise.all(
      [0, 1].map((salt) =>
        collect(at(members, 0).generator.generate(request([...PROMPT, salt], 200)), async (count) => {
          if (count !== 100 || killed) return;
          killed = true;
          const spare = at(members, 3).loader.stages[0];
          await expect.poll(() => spare?.imported).toBeGreaterThan(2 * (PROMPT.length + 50));
          house.kill(at(members, 1));
        }),
      ),
    );
    for (const [salt, { tokens }] of answers.entries()) expect(tokens).toEqual(expectedTokens([...PROMPT, salt], 200));
    // A hundred tokens each were left, and what the spare was behind.
    expect(at(members, 3).loader.stages[0]?.rows).toBeLessThan(2 * (100 + 60));
    expect(unexplainedFailures(members)).toEqual([]);
  });

  it('take over from a node that leaves', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    const ring = await at(members, 0).manager.bringUp(wish, undefined, { signal });
    await expect.poll(() => ring.spares).toHaveLength(1);
    const loads = at(members, 3).loader.loads;
    await ring.vacate(at(members, 1).mesh.self);
    expect(ring.stages.map((stage) => stage.peer)).toEqual(['a', 'd', 'c']);
    expect(at(members, 3).loader.loads).toBe(loads);
  });

  it('give way to a stage that needs their memory, and the ring does without', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    const ring = await at(members, 0).manager.bringUp(wish, undefined, { signal });
    await expect.poll(() => ring.spares).toEqual([{ peer: 'd', from: 4, to: 8 }]);
    // The spare is for other layers than those that are lost, and there is nowhere else for them.
    const { tokens } = await collect(at(members, 0).generator.generate(request(PROMPT, 60)), (count) => {
      if (count === 20) house.kill(at(members, 2));
    });
    expect(tokens).toEqual(expectedTokens(PROMPT, 60));
    expect(ring.stages.map((stage) => stage.peer)).toEqual(['a', 'b', 'd']);
    expect(ring.spares).toEqual([]);
    expect(at(members, 3).loader.loaded).toBe(1);
  });

  it('that load while their ring ends are unloaded, too', async () => {
    house = new House();
    const settings = { keepsSpares: true, recoverMs: 50 };
    const [a, , c] = [
      await house.add('a', { room: 4, settings }),
      await house.add('b', { room: 4, settings }),
      await house.add('c', { room: 4, settings }),
    ];
    const ring = await a.manager.bringUp(wish, undefined, { signal });
    const d = await house.add('d', { room: 4 });
    const loading = Promise.withResolvers<void>();
    const mayLoad = Promise.withResolvers<void>();
    const load = d.loader.load.bind(d.loader);
    d.loader.load = async (order, control) => {
      if (order.from !== 4) throw new Error('No space is left on the disk.');
      loading.resolve();
      await mayLoad.promise;
      return load(order, control);
    };
    await loading.promise;
    house.kill(c);
    await expect.poll(() => ring.state).toBe('stopped');
    mayLoad.resolve();
    await expect.poll(() => [d.loader.loaded, d.host.count]).toEqual([0, 0]);
    expect(a.mesh.openStreams).toBe(0);
  });

  it('are unloaded with the ring', async () => {
    const members = await houseOf('a', 'b', 'c', 'd');
    const ring = await at(members, 0).manager.bringUp(wish, undefined, { signal });
    await expect.poll(() => ring.spares).toHaveLength(1);
    await at(members, 0).manager.takeDown(ring.id, { forget: true });
    await expect.poll(() => members.map((member) => member.loader.loaded)).toEqual([0, 0, 0, 0]);
    await expect.poll(() => members.map((member) => member.mesh.openStreams)).toEqual([0, 0, 0, 0]);
  });
});
