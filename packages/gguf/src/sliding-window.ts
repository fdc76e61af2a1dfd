import { isArray } from './encode.ts';
import { trunkLayerCount } from './layout.ts';
import { getArchitectureNumber, getPerLayer } from './metadata.ts';
import type { GgufModel } from './types.ts';

interface WindowPattern {
  /** Every `period`-th layer attends to everything; 0: none does. A number in the file comes before it. */
  readonly period: number;
  /** The first layer of each period is the full one, not the last. */
  readonly isFullFirst?: true;
  /** The file may list the windowed layers one by one instead. Where that is not read, a list changes nothing. */
  readonly readsList?: true;
  /** Window where the file names none. Left out: then there is no window. */
  readonly defaultTokens?: number;
  /** Whatever window the file names, this is it. */
  readonly fixedTokens?: number;
  /** Only the model with so many layers has windows. */
  readonly onlyLayerCount?: number;
}

/** Architectures whose cache llama.cpp keeps by window (`set_swa_pattern`, `is_swa_impl`); the others ignore the metadata key. */
const PATTERNS: ReadonlyMap<string, WindowPattern> = new Map(
  Object.entries<WindowPattern>({
    afmoe: { period: 4 },
    cohere2: { period: 4 },
    cohere2moe: { period: 4, isFullFirst: true, readsList: true },
    dots3note: { period: 0, readsList: true },
    'exaone-moe': { period: 4, defaultTokens: 128 },
    exaone4: { period: 4, defaultTokens: 4096, onlyLayerCount: 64 },
    gemma2: { period: 2, defaultTokens: 4096 },
    gemma3: { period: 6 },
    gemma3n: { period: 5 },
    gemma4: { period: 0, readsList: true },
    'gpt-oss': { period: 2 },
    granite_swa: { period: 0, readsList: true },
    laguna: { period: 4, isFullFirst: true },
    lfm2: { period: 0 },
    llama4: { period: 4, defaultTokens: 8192, fixedTokens: 8192 },
    mellum: { period: 4, readsList: true },
    mimo2: { period: 0, readsList: true },
    'muse-glimmer': { period: 4, readsList: true },
    olmo2: { period: 4 },
    plamo3: { period: 8 },
    smallthinker: { period: 4, isFullFirst: true, fixedTokens: 4096 },
    step35: { period: 0, readsList: true },
  }),
);

/** Tokens that `layer` looks back on; undefined for a layer that attends to everything. */
export function slidingWindowTokens(model: GgufModel, layer: number): number | undefined {
  const pattern = PATTERNS.get(model.architecture);
  if (pattern === undefined) return undefined;
  const trunkLayers = trunkLayerCount(model);
  if (layer >= trunkLayers || (pattern.onlyLayerCount ?? trunkLayers) !== trunkLayers) return undefined;
  const named = getArchitectureNumber(model, 'attention.sliding_window') ?? pattern.defaultTokens ?? 0;
  const tokens = named === 0 ? 0 : (pattern.fixedTokens ?? named);
  return tokens > 0 && isWindowed(model, layer, trunkLayers, pattern) ? tokens : undefined;
}

function isWindowed(model: GgufModel, layer: number, trunkLayers: number, pattern: WindowPattern): boolean {
  const key = `${model.architecture}.attention.sliding_window_pattern`;
  const own = model.metadata.get(key);
  if (own !== undefined && isArray(own) && pattern.readsList === true)
    return getPerLayer(model.metadata, key, trunkLayers)?.[layer] !== 0;
  const inFile = own === undefined || isArray(own) ? undefined : getArchitectureNumber(model, 'attention.sliding_window_pattern');
  // Without a period of its own, an architecture reads the number as a yes or no for all layers.
  if (pattern.period === 0) return inFile !== 0;
  const period = inFile ?? pattern.period;
  if (period === 0) return true;
  const fullAt = pattern.isFullFirst === true ? 0 : period - 1;
  return layer % period !== fullAt;
}
