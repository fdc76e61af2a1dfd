import { architectureRule, layerCount, planShard, type GgufModel } from '@pippa/gguf';
import type { PieceMap } from './piece-map.ts';
import { headerPieces, type PieceTable } from './piece-table.ts';

/**
 * All pieces that a stage of the layers `[from, to)` needs: those of the headers, and those that its tensors lie in; ascending. All
 * layers: all pieces. Throws what `planShard` throws.
 */
export function piecesForShard(model: GgufModel, table: PieceTable, map: PieceMap, from: number, to: number): number[] {
  if (from === 0 && to === layerCount(model)) return Array.from({ length: map.count }, (_, piece) => piece);
  const pieces = new Set(headerPieces(table, map));
  for (const { source } of planShard(model, from, to, architectureRule(model)).tensors) {
    if (source === undefined) continue;
    for (const piece of map.covering(source.file, source.offset, source.byteLength)) pieces.add(piece);
  }
  return [...pieces].sort((a, b) => a - b);
}
