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

/** What choosing needs to know of a peer that pieces are asked of. */
export interface AskedPeer {
  readonly asked: ReadonlyMap<number, { readonly startedMs: number; readonly cancelled: boolean }>;
}

/** Every piece that is under way once, with how many peers it is asked of. */
export function piecesUnderWay(peers: Iterable<AskedPeer>): PieceUnderWay[] {
  const seen = new Map<number, { startedMs: number; askedOf: number }>();
  for (const { asked } of peers) {
    for (const [piece, { startedMs, cancelled }] of asked) {
      if (cancelled) continue;
      const item = seen.get(piece);
      if (item === undefined) seen.set(piece, { startedMs, askedOf: 1 });
      else item.askedOf += 1;
    }
  }
  return [...seen].map(([piece, item]) => ({ piece, ...item }));
}

/** Takes the first pieces that the peer has out of the queue. */
export function takeOwned(queue: number[], owner: PieceOwner, atMost: number): number[] {
  const taken: number[] = [];
  for (let index = 0; index < queue.length && taken.length < atMost;) {
    const piece = queue[index] as number;
    if (owner.has(piece)) {
      taken.push(piece);
      queue.splice(index, 1);
    } else {
      index += 1;
    }
  }
  return taken;
}
