import { layerCount } from '../layout.ts';
import { getArchitectureNumber } from '../metadata.ts';
import type { ArchitectureRule, GgufModel } from '../types.ts';
import { wholePeriods } from './windowed.ts';

const DEFAULT_PERIOD = 2;
/** llama.cpp knows the 27B model by its layer count alone, and scales its attention by another width. */
const LAYERS_OF_27B = 46;

/**
 * The graph multiplies all that enters it by the square root of its width, embeddings of tokens or not. Dividing before would lose bits:
 * hidden states are put in behind the multiplication.
 */
export const gemma2: ArchitectureRule = {
  architecture: 'gemma2',
  cuts: (model) => (layerCount(model) === LAYERS_OF_27B && scalesByWidth(model) ? [] : wholePeriods(model, DEFAULT_PERIOD)),
  metadata: () => new Map(),
  head: 'tied',
  hiddenInputName: 'inp_scaled',
};

function scalesByWidth(model: GgufModel): boolean {
  const width = getArchitectureNumber(model, 'embedding_length') ?? 0;
  const heads = getArchitectureNumber(model, 'attention.head_count') ?? 1;
  const perHead = Math.floor(width / heads);
  return perHead !== (getArchitectureNumber(model, 'attention.key_length') ?? perHead);
}
