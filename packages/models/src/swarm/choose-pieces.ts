/** What choosing needs to know of a peer. */
export interface PieceOwner {
  has(piece: number): boolean;
}

/**
 * The order in which pieces are asked for: `urgent` ones (headers: a front waits for them) first, then those that the fewest peers
 * have, then by number from a starting point of one's own, so that several nodes that need the same pieces take different ones from
 * their only owner and give them to each other.
 */
export function orderPieces(
  pieces: Iterable<number>,
  owners: readonly PieceOwner[],
  options: { readonly urgent: ReadonlySet<number>; readonly start: number; readonly count: number },
): number[] {
  const { urgent, start, count } = options;
  const ranked = [...pieces].map((piece) => {
    const owned = owners.reduce((sum, owner) => sum + (owner.has(piece) ? 1 : 0), 0);
    const rank = urgent.has(piece) ? -1 : owned;
    return { piece, rank, turn: (piece - start + count) % count };
  });
  return ranked.sort((a, b) => a.rank - b.rank || a.turn - b.turn).map((item) => item.piece);
}

/** A piece that is under way from a peer. */
export interface PieceUnderWay {
  readonly piece: number;
  readonly startedMs: number;
  /** Peers that it is asked of. */
  readonly askedOf: number;
}

/** A piece asked of another peer that long ago is asked of an idle one too. */
export const SLOW_PIECE_MS = 2000;

/** For a peer with nothing else to do: the piece that has been under way longest elsewhere, once that is too long. */
export function slowPiece(underWay: Iterable<PieceUnderWay>, owner: PieceOwner, nowMs: number): number | undefined {
  let slowest: PieceUnderWay | undefined;
  for (const item of underWay) {
    if (item.askedOf !== 1 || nowMs - item.startedMs < SLOW_PIECE_MS || !owner.has(item.piece)) continue;
    if (slowest === undefined || item.startedMs < slowest.startedMs) slowest = item;
  }
  return slowest?.piece;
}
