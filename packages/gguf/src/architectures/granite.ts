import type { ArchitectureRule } from '../types.ts';
import { everywhere } from './uniform.ts';

/** The embedding scale is applied to whatever enters the graph: later stages must not have one. */
export const granite: ArchitectureRule = {
  architecture: 'granite',
  // Image features enter at later layers by their index there.
  cuts: (model) => (model.metadata.has('granite.deepstack_mapping') ? [] : everywhere(model)),
  metadata: (_model, from) => (from === 0 ? new Map() : new Map([['granite.embedding_scale', undefined]])),
};
