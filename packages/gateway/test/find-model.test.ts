import { OverloadedError } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { findModel } from '../src/openai/find-model.ts';
import { ScriptedModel, serviceOf } from './support/scripted-model.ts';
import { sentence } from './support/scripts.ts';

const service = (...names: string[]) => serviceOf(...names.map((name) => new ScriptedModel(name, sentence)));

describe('a model', () => {
  it.each([
    [['tiny'], 'tiny', 'tiny'],
    [['tiny'], 'tiny:latest', 'tiny'],
    [['tiny:latest'], 'tiny', 'tiny:latest'],
    [['Tiny-Q4'], 'tiny-q4', 'Tiny-Q4'],
    [['org/tiny:Q4_0', 'other'], 'org/tiny', 'org/tiny:Q4_0'],
    [['org/tiny:Q4_0', 'org/tiny:Q8_0'], 'org/tiny:q8_0', 'org/tiny:Q8_0'],
    [['tiny', 'tiny:Q4_0'], 'tiny', 'tiny'],
    [['tiny', 'TINY'], 'TINY', 'TINY'],
  ])('of %j is found as %s', (names, asked, found) => {
    expect(findModel(service(...names), asked).name).toBe(found);
  });

  it.each([
    [['org/tiny:Q4_0', 'org/tiny:Q8_0'], 'org/tiny'],
    [['tiny:Q4_0'], 'tiny:Q8_0'],
    [['tiny', 'TINY'], 'Tiny'],
    [['tiny'], 'tin'],
    [['tiny'], 'claude-sonnet-4-5'],
  ])('of %j is not guessed from %s', (names, asked) => {
    expect(() => findModel(service(...names), asked)).toThrow(expect.objectContaining({ name: 'ModelNotFoundError' }));
  });

  it('that is being loaded says so, by any of its names', () => {
    const loading = service();
    const models: typeof loading = {
      ...loading,
      get(name) {
        if (name === 'tiny') throw new OverloadedError('The model is still being loaded.', 2);
        return loading.get(name);
      },
    };
    expect(() => findModel(models, 'tiny:latest')).toThrow(expect.objectContaining({ name: 'OverloadedError' }));
  });
});
