import { isArray } from './encode.ts';
import { layerCount } from './layout.ts';
import { getArchitectureNumber, getPerLayer } from './metadata.ts';
import type { GgufModel } from './types.ts';

interface WindowPattern {
  /** Every `period`-th layer attends to everything; 0 where only the file's own per-layer list counts. */
  readonly period: number;
  /** The first layer of each period is the full one, not the last. */
  readonly isFullFirst?: true;
  /** Window where the file names none. */
  readonly defaultTokens?: number;
}

/** Architectures whose cache llama.cpp keeps by window (`set_swa_pattern`); others ignore the metadata key. */
const PATTERNS: ReadonlyMap<string, WindowPattern> = new Map(
  Object.entries<WindowPattern>({
    afmoe: { period: 4 },
    cohere2: { period: 4 },
    cohere2moe: { period: 4, isFullFirst: true },
    'exaone-moe': { period: 4, defaultTokens: 128 },
    exaone4: { period: 4 },
    gemma2: { period: 2, defaultTokens: 4096 },
    gemma3: { period: 6 },
    gemma3n: { period: 5 },
    gemma4: { period: 0 },
    'gpt-oss': { period: 2 },
    'granite-swa': { period: 0 },
    laguna: { period: 4, isFullFirst: true },
    llama4: { period: 4, defaultTokens: 8192 },
    mellum: { period: 4 },
    mimo2: { period: 0 },
    'muse-glimmer': { period: 4 },
    olmo2: { period: 4 },
    plamo3: { period: 8 },
    smallthinker: { period: 4, isFullFirst: true },
    step35: { period: 0 },
  }),
);

/** Tokens that `layer` looks back on; undefined for a layer that attends to everything. */
export function slidingWindowTokens(model: GgufModel, layer: number): number | undefined {
  const pattern = PATTERNS.get(model.architecture);
  if (pattern === undefined) return undefined;
  const tokens = getArchitectureNumber(model, 'attention.sliding_window') ?? pattern.defaultTokens ?? 0;
  if (tokens === 0) return undefined;
  const key = `${model.architecture}.attention.sliding_window_pattern`;
  const own = model.metadata.get(key);
  if (own !== undefined && isArray(own))
    return getPerLayer(model.metadata, key, layerCount(model))?.[layer] === 0 ? undefined : tokens;
  const period = getArchitectureNumber(model, 'attention.sliding_window_pattern') ?? pattern.period;
  if (period === 0) return undefined;
  const fullAt = pattern.isFullFirst === true ? 0 : period - 1;
  return layer % period === fullAt ? undefined : tokens;
}
