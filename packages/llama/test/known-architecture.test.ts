import { expect, it } from 'vitest';
import { ModelLoadError } from '../src/errors.ts';
import { explainLoadFailure } from '../src/known-architecture.ts';

const failure = new ModelLoadError('The model could not be loaded.');

it.each(['llama', 'qwen3', 'gemma3', 'gpt-oss', 'deepseek2', 'bert', 'nomic-bert', 'rwkv7'])(
  'lets a failure be what it is for %s, which the engine knows',
  (architecture) => expect(explainLoadFailure(failure, architecture)).toBe(failure),
);

it('says that the engine does not know an architecture, and what to do', () => {
  expect(explainLoadFailure(failure, 'zlama-9')).toMatchObject({
    name: 'ModelLoadError',
    message: expect.stringContaining('does not know its architecture, zlama-9'),
    hint: expect.stringContaining('Update pippa-agent'),
  });
});

it('leaves other errors alone', () => {
  const other = new TypeError('x');
  expect(explainLoadFailure(other, 'zlama-9')).toBe(other);
});
