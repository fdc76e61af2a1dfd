import { describe, expect, it } from 'vitest';
import { closingLine, countTests, type CountableModule } from '../closing-line.ts';

const module = (states: readonly string[], errors: readonly unknown[] = []): CountableModule => ({
  errors: () => errors,
  children: { allTests: () => states.map((state) => ({ result: () => ({ state }) })) },
});

describe('the closing line of a test run', () => {
  it('adds up what passed, failed and was skipped over all files', () => {
    const counts = countTests([module(['passed', 'failed']), module(['passed', 'skipped'])], 0);
    expect(closingLine(counts)).toBe('2 passed, 1 failed, 1 skipped');
  });

  it('leaves out the skipped ones when there are none', () => {
    expect(closingLine(countTests([module(['passed'])], 0))).toBe('1 passed, 0 failed');
  });

  it('counts a file that could not be loaded, and an error outside any test, as failures', () => {
    expect(closingLine(countTests([module([], [new Error('syntax')]), module(['passed'])], 1))).toBe('1 passed, 2 failed');
  });

  it('counts a test that never finished as a failure', () => {
    expect(countTests([module(['pending'])], 0).failed).toBe(1);
  });
});
