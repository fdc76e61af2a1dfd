import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { interleave } from '../../test/bench/harness/interleave.ts';
import { summarise, table } from '../../test/bench/harness/report.ts';
import { median, quantile, ratios, slope } from '../../test/bench/harness/statistics.ts';

const script = join(import.meta.dirname, '../bench.ts');

function bench(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...words], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe('npm run bench', () => {
  it('lists what there is and refuses what there is not', async () => {
    const listed = await bench('--list');
    expect(listed.code).toBe(0);
    expect(listed.stdout).toMatch(/^http +one stream/m);
    const refused = await bench('htpp');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('htpp');
    expect((await bench('http', '--rounds', 'many')).code).toBe(2);
  });
});

describe('figures', () => {
  it('are medians and quartiles', () => {
    expect(median([5, 1, 3])).toBe(3);
    expect(quantile([1, 2, 3, 4], 0.25)).toBe(1.75);
    expect(ratios([2, 9], [1, 3])).toEqual([2, 3]);
    expect(slope([10, 12, 14, 16])).toBe(2);
  });

  it('hold their target by the median, and say so', () => {
    const atLeast = { name: 'decode', unit: 'x', samples: [0.5, 1, 1], target: { atLeast: 0.97 } };
    expect(summarise(atLeast)).toMatchObject({ median: 1, low: 0.75, high: 1, holds: true });
    const atMost = { name: 'first token', unit: 'ms', samples: [4, 6, 7], target: { atMost: 5 } };
    expect(summarise(atMost).holds).toBe(false);
    expect(table([summarise(atMost)])[2]).toMatch(/\| first token \| 6\.000 ms \| .* \| <= 5 +\| NO +\|/);
  });
});

describe('rounds', () => {
  it('run every variant once, in turning order, after a warm-up', async () => {
    const calls: string[] = [];
    const variant = (name: string) => (round: number) => {
      calls.push(`${name}${round}`);
      return round;
    };
    const context = { rounds: 2, patienceMs: 0, pauseMs: 0, log: () => undefined };
    expect(await interleave(context, { a: variant('a'), b: variant('b') })).toEqual({ a: [0, 1], b: [0, 1] });
    expect(calls).toEqual(['a-1', 'b-1', 'a0', 'b0', 'b1', 'a1']);
  });
});
