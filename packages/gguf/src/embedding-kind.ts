import { getArchitectureNumber } from './metadata.ts';
import type { GgufModel } from './types.ts';

/** Architectures whose tokens see the whole text: they make vectors and cannot write. */
const ENCODERS: ReadonlySet<string> = new Set([
  'bert',
  'modern-bert',
  'nomic-bert',
  'nomic-bert-moe',
  'neo-bert',
  'jina-bert-v2',
  'jina-bert-v3',
  'eurobert',
  'gemma-embedding',
  'llama-embed',
  't5encoder',
]);

/**
 * `encoder`: its architecture makes vectors alone. `decoder`: built like a model that writes, but made for vectors or ranking, which
 * its file says by naming a pooling (Qwen3-Embedding). Undefined: a model that writes.
 */
export function embeddingKind(model: GgufModel): 'encoder' | 'decoder' | undefined {
  if (ENCODERS.has(model.architecture)) return 'encoder';
  return (getArchitectureNumber(model, 'pooling_type') ?? 0) > 0 ? 'decoder' : undefined;
}
