import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeModel, readGgufModel } from '@pippa/gguf';
import { openTokenizer } from '@pippa/llama';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomDialogue, seededRandom } from '../dialogues.ts';
import { PIPPA_TINY, train } from '../train.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pippa-demo-model-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the demo model', () => {
  it('is trained on the same dialogues every time', () => {
    const dialogues = (): string[] => {
      const random = seededRandom(11);
      return Array.from({ length: 50 }, () => randomDialogue(random));
    };
    expect(dialogues()).toEqual(dialogues());
    expect(new Set(dialogues()).size).toBeGreaterThan(40);
  });

  it('learns, and comes out as a model whose tokenizer gives every text back', async () => {
    const path = join(folder, 'small.gguf');
    const losses: number[] = [];
    const plan = {
      ...PIPPA_TINY,
      shape: { layers: 2, width: 32, heads: 2, feedForward: 64 },
      steps: 20,
      scheduleSteps: 20,
      batch: 2,
      length: 48,
      threads: 1,
    };
    await train(path, plan, (_, loss) => losses.push(loss));
    expect(losses).toHaveLength(20);
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) * 0.9);
    expect((await stat(path)).size).toBeGreaterThan(0);
    const layout = describeModel(await readGgufModel(path));
    expect(layout).toMatchObject({ architecture: 'llama', layerCount: 2, vocabularySize: 768, contextLength: 2048 });
    const tokenizer = await openTokenizer(path);
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 60 }), async (text) => {
        const tokens = await tokenizer.tokenize(text, { addSpecial: false, parseSpecial: false });
        expect(Buffer.concat([...tokens].map((token) => tokenizer.piece(token))).toString()).toBe(text);
      }),
      { numRuns: 50 },
    );
    await tokenizer[Symbol.asyncDispose]();
  });
});
