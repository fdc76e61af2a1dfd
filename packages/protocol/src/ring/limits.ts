/** Bounds of what ring messages may hold. Whatever is over one of them is a `ProtocolError`. */
export const RING_LIMITS = {
  /** Rows of a step: far over the largest prefill chunk (512). */
  rows: 4096,
  /** KV rows of a stage. */
  slots: 1024,
  /** Tokens a sequence may hold: the longest contexts of models today are 10 M. */
  contextTokens: 16_777_216,
  /** Tokens of all sequences together that a step may bring along for its samplers. */
  historyTokens: 16_777_216,
  layers: 4096,
  stages: 256,
  /** Vocabularies end well below: 262,144 is the largest in use. */
  vocabulary: 4_194_304,
  /** Width of hidden states: 16,384 is the largest in use. */
  embeddingLength: 131_072,
  /** A grammar made from a large schema. */
  grammarCharacters: 4_194_304,
  /** Alternatives reported a token. */
  logprobs: 64,
  /** Log bias entries: any token may have one. */
  logitBias: 65_536,
  nameCharacters: 512,
  /** Sentences about a placement: a few of each stage. */
  reasons: 256,
  messageCharacters: 4096,
  idCharacters: 128,
} as const;
