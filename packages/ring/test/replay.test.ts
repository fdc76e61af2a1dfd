import { afterEach, describe, expect, it } from 'vitest';
import { unexplainedFailures } from './support/simulation.ts';
import { collect, expectedTokens, House, request, type Member, type MemberOptions } from './support/house.ts';

const PROMPT = Array.from({ length: 300 }, (_, index) => (index * 7) % 900);
const TOKENS = 60;
/** Rows of steps that were under way when the ring broke, which are computed twice. */
const UNDER_WAY = 8;

let house = new House();
afterEach(() => house.stop());

async function houseOf(names: readonly string[], options: MemberOptions = {}): Promise<Member[]> {
  house = new House();
  const members: Member[] = [];
  for (const name of names) members.push(await house.add(name, options));
  return members;
}

const at = (members: readonly Member[], index: number): Member => members[index] as Member;
const rowsOf = (member: Member): number => member.loader.stages.reduce((sum, stage) => sum + stage.rows, 0);
const all = PROMPT.length + TOKENS;

/** What four nodes computed for one answer of a ring over the first three of them, with something done after 20 tokens. */
async function rowsAfter(members: readonly Member[], disturb: () => void): Promise<number[]> {
  const { tokens } = await collect(at(members, 0).generator.generate(request(PROMPT, TOKENS)), (count) => {
    if (count === 20) disturb();
  });
  expect(tokens).toEqual(expectedTokens(PROMPT, TOKENS));
  expect(unexplainedFailures(members)).toEqual([]);
  return members.map(rowsOf);
}

describe('a ring that was mended', () => {
  it.each([
    ['a middle stage', 1, 2],
    ['the last stage', 2, 1],
  ])('has only the new stage compute again what was lost with %s', async (_, lost, kept) => {
    const members = await houseOf(['a', 'b', 'c', 'd']);
    const rows = await rowsAfter(members, () => house.kill(at(members, lost)));
    expect(rows[0]).toBeLessThan(all + UNDER_WAY);
    expect(rows[kept]).toBeLessThan(all + UNDER_WAY);
    expect(rows[3]).toBeGreaterThanOrEqual(all - 1);
  });

  it('has both new stages filled when two neighbours were lost', async () => {
    const members = await houseOf(['a', 'b', 'c', 'd', 'e']);
    const rows = await rowsAfter(members, () => {
      house.kill(at(members, 1));
      house.kill(at(members, 2));
    });
    expect(rows[0]).toBeLessThan(all + UNDER_WAY);
  });

  it('computes nothing again when only a way was lost', async () => {
    const members = await houseOf(['a', 'b', 'c']);
    const rows = await rowsAfter(members, () => {
      house.network.cut(at(members, 1).mesh.self, at(members, 2).mesh.self);
      house.network.heal(at(members, 1).mesh.self, at(members, 2).mesh.self);
    });
    for (const computed of rows) expect(computed).toBeLessThan(all + UNDER_WAY);
  });

  it('computes from the tokens what the journal has no room for', async () => {
    // A row of the simulated model has 16 bytes: a third of the prompt fits.
    const members = await houseOf(['a', 'b', 'c', 'd'], { journal: { memoryBytes: 1600, fileBytes: 0 } });
    const rows = await rowsAfter(members, () => house.kill(at(members, 2)));
    expect(rows[0]).toBeGreaterThan(all + 200);
    expect(rows[0]).toBeLessThan(all + 300);
  });

  it('computes everything again in exact mode', async () => {
    const members = await houseOf(['a', 'b', 'c', 'd'], { wish: { exactReplay: true } });
    const rows = await rowsAfter(members, () => house.kill(at(members, 2)));
    expect(rows[0]).toBeGreaterThan(all + PROMPT.length);
  });

  it('keeps the answers of many streams, some of which began alike', async () => {
    const members = await houseOf(['a', 'b', 'c', 'd']);
    await collect(at(members, 0).generator.generate(request(PROMPT, 1)));
    let killed = false;
    const answers = await Promise.all(
      Array.from({ length: 4 }, (_, index) =>
        collect(at(members, 0).generator.generate(request([...PROMPT, index], TOKENS)), (count) => {
          if (count < 10 || killed) return;
          killed = true;
          house.kill(at(members, 1));
        }),
      ),
    );
    for (const [index, { tokens }] of answers.entries()) expect(tokens).toEqual(expectedTokens([...PROMPT, index], TOKENS));
    // Three of them have copied the beginning; what came after it is not computed twice by those who stayed.
    expect(rowsOf(at(members, 0))).toBeLessThan(PROMPT.length + 4 * (TOKENS + 20) + 4 * UNDER_WAY);
  });
});
