import { mkdir, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeBenchModel } from '@pippa/testing';

/** Models and results; nothing of it is in the repository. */
export const benchDirectory = join(import.meta.dirname, '../../../.cache/bench');

/** Sizes of the random model, as `writeBenchModel` makes it. */
export const BENCH_MODEL = { name: 'random-1b-q4_0', layers: 22, vocabularySize: 32_000, embeddingLength: 2048 } as const;

const CHAT_TEMPLATE =
  "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

/** A random llama-architecture model of 1.1 billion weights in Q4_0 (620 MB), made at first use. */
export async function benchModelPath(): Promise<string> {
  const path = join(benchDirectory, `${BENCH_MODEL.name}.gguf`);
  if (await exists(path)) return path;
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.part`;
  await writeBenchModel(temporary, { chatTemplate: CHAT_TEMPLATE });
  await rename(temporary, path);
  return path;
}

/** Tokens of an ordinary kind, different for every `seed` from the first on: no prefix of one prompt helps another. */
export function randomPrompt(length: number, seed: number): number[] {
  let state = (seed + 1) * 2_654_435_761;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return 300 + ((state >>> 8) % (BENCH_MODEL.vocabularySize - 300));
  });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
