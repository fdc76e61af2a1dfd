import { z } from 'zod';
import { parseMessage } from '../ring/parse.ts';
import { MODELS_LIMITS } from './limits.ts';
import { manifestSchema, modelIdField } from './manifest.ts';

/** Questions about a model that a peer has, whole or in part; one question, one answer. */
export const PIECE_TABLE_PROTOCOL = '/pippa/piece-table/1';

const bytes = (atMost: number) =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= atMost, `must be at most ${atMost} bytes`);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const BITMAP_BYTES = MODELS_LIMITS.pieces / 8;

const pieceQuestion = z.discriminatedUnion('kind', [
  /** What a planner needs to know of it. */
  z.strictObject({ kind: z.literal('manifest'), model: modelIdField }),
  /** Which pieces the peer has, of which table. */
  z.strictObject({ kind: z.literal('have'), model: modelIdField }),
  /** The table: its head, and the hashes from piece `from` on, as many as an answer holds. */
  z.strictObject({ kind: z.literal('table'), model: modelIdField, from: z.int().min(0).max(MODELS_LIMITS.pieces) }),
  /** Where the model was got from. */
  z.strictObject({ kind: z.literal('origin'), model: modelIdField }),
]);

const pieceAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('manifest'), manifest: manifestSchema }),
  z.object({
    kind: z.literal('have'),
    /** Of the table; left out while a peer that has the whole model has not hashed it yet. */
    digest: digest.exactOptional(),
    whole: z.boolean(),
    /** Bitmap, piece `p` is bit `p % 8` of byte `p / 8`; empty for the whole model. */
    pieces: bytes(BITMAP_BYTES),
    /** The table is of files that have the SHA-256 stated where they come from; left out: nothing was stated. */
    verified: z.boolean().exactOptional(),
  }),
  z.object({
    kind: z.literal('table'),
    digest,
    pieceBytes: z.int().min(1).max(MODELS_LIMITS.pieceBytes),
    files: z
      .array(z.object({ byteLength: z.int().min(1), headerBytes: z.int().min(0) }))
      .min(1)
      .max(MODELS_LIMITS.files),
    from: z.int().min(0).max(MODELS_LIMITS.pieces),
    hashes: bytes(MODELS_LIMITS.pageHashes * 32),
  }),
  /** The peer is hashing the model for the first time: ask again. */
  z.object({ kind: z.literal('hashing'), fraction: z.number().min(0).max(1) }),
  /** A reference to the hub or to Ollama's registry, no address; left out where it is not known. */
  z.object({ kind: z.literal('origin'), reference: z.string().max(MODELS_LIMITS.nameCharacters).exactOptional() }),
]);

export type PieceQuestion = z.output<typeof pieceQuestion>;
export type PieceAnswer = z.output<typeof pieceAnswer>;

export const parsePieceQuestion = (value: unknown): PieceQuestion => parseMessage('piece question', pieceQuestion, value);
export const parsePieceAnswer = (value: unknown): PieceAnswer => parseMessage('piece answer', pieceAnswer, value);
