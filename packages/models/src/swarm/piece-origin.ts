/** Where pieces are to be had that no node has: see `HubPieces`. */
export interface PieceOrigin {
  /** For people: `hf:owner/repository/file.gguf`. */
  readonly name: string;
  /**
   * Gets pieces, checks and stores them; tells of each that is there. Throws what keeps the rest from coming, or the signal's reason.
   */
  fetch(
    pieces: readonly number[],
    options: { readonly onPiece: (piece: number, bytes: number) => void; readonly signal: AbortSignal },
  ): Promise<void>;
}
