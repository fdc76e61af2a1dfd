import { string, type GgufValue } from '@pippa/gguf';
import { tokenizerMetadata, writeRandomTensors } from '../tiny-model.ts';
import { DENSE } from './dense.ts';
import { EXPERTS } from './experts.ts';
import { HYBRID } from './hybrid.ts';
import { commonMetadata, matrix, norms, shape, SIZES, type ArchitectureRecipe } from './recipe.ts';

export interface TinyArchitectureOptions {
  readonly layers?: number;
  readonly quantisation?: 'f32' | 'f16' | 'q8_0' | 'q4_0';
  /** Equal seeds give equal files. */
  readonly seed?: number;
}

const RECIPES: ReadonlyMap<string, ArchitectureRecipe> = new Map(Object.entries({ ...DENSE, ...EXPERTS, ...HYBRID }));

/** Names of the architectures that `writeTinyArchitecture` knows. */
export const tinyArchitectures: readonly string[] = [...RECIPES.keys()];

/** Writes a random model of a few hundred kilobytes with the metadata and tensors of the architecture. */
export async function writeTinyArchitecture(
  path: string,
  architecture: string,
  { layers = 8, quantisation = 'q8_0', seed = 1 }: TinyArchitectureOptions = {},
): Promise<void> {
  const recipe = RECIPES.get(architecture);
  if (recipe === undefined) throw new Error(`There is no tiny ${architecture} model: known are ${tinyArchitectures.join(', ')}.`);
  const own = Object.entries({ ...commonMetadata(layers), ...recipe.metadata(layers) });
  const metadata: [string, GgufValue][] = [
    ['general.architecture', string(architecture)],
    ['general.name', string('random')],
    ...own.map(([key, value]): [string, GgufValue] => [`${architecture}.${key}`, value]),
    ...tokenizerMetadata(SIZES.vocabulary),
  ];
  const outside = [matrix('token_embd', SIZES.width, SIZES.vocabulary), ...norms('output_norm'), ...(recipe.global ?? [])];
  const tensors = outside.map((tensor) => shape(tensor, quantisation));
  for (let index = 0; index < layers; index += 1) {
    tensors.push(...recipe.layer(index, layers).map((tensor) => shape(tensor, quantisation, `blk.${index}.`)));
  }
  await writeRandomTensors(path, metadata, tensors, seed);
}
