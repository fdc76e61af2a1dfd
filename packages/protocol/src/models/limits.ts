/** Bounds of what messages about models may hold. Whatever is over one of them is a `ProtocolError`. */
export const MODELS_LIMITS = {
  /** 4 TB in pieces of 4 MiB. */
  pieces: 1_048_576,
  /** A model in more files is not read either (`GGUF_LIMITS.splitFiles`). */
  files: 1024,
  /** Largest piece: `pieceBytesFor` of `models` never asks for more. */
  pieceBytes: 4_194_304,
  /** Hashes in one answer: 256 KiB of them. */
  pageHashes: 8192,
  /** Pieces that one message may ask for, and that a stream may have asked for without an answer. */
  wantedPieces: 64,
  /** Payload of one frame: small enough that other streams of the same connection get their turn within a millisecond. */
  chunkBytes: 262_144,
  nameCharacters: 512,
  messageCharacters: 4096,
  layers: 512,
} as const;
