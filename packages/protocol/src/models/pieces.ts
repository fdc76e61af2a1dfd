import { z } from 'zod';
import { parseMessage } from '../ring/parse.ts';
import { MODELS_LIMITS } from './limits.ts';
import { bytesOf } from '../wire/bytes.ts';
import { modelIdField } from './manifest.ts';

/**
 * From the node that lacks pieces to one that has them. The opener speaks first (`open`), then asks for pieces whenever it likes; they
 * come in the order asked for, each as frames of payload in order.
 */
export const PIECES_PROTOCOL = '/pippa/pieces/1';

const piece = z.int().min(0).max(MODELS_LIMITS.pieces);
const pieces = z.array(piece).min(1).max(MODELS_LIMITS.wantedPieces);

const pieceRequest = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('open'), model: modelIdField, digest: z.string().regex(/^[0-9a-f]{64}$/) }),
  z.strictObject({ kind: z.literal('want'), pieces }),
  /** Those that are not under way yet need not come: another peer was faster. */
  z.strictObject({ kind: z.literal('cancel'), pieces }),
  /** Asks for a direct connection to send pieces over; `secret`: random, for its key. */
  z.strictObject({ kind: z.literal('direct'), secret: bytesOf(32) }),
  /** The piece came with another hash than the table's: the sender should look at its copy. */
  z.strictObject({ kind: z.literal('wrong'), piece }),
]);

const pieceReply = z.discriminatedUnion('kind', [
  /** Payload: bytes of the piece from `offset` on, at most `chunkBytes`. */
  z.object({ kind: z.literal('data'), piece, offset: z.int().min(0).max(MODELS_LIMITS.pieceBytes) }),
  /** The piece is not here (any more). */
  z.object({ kind: z.literal('missing'), piece }),
  /** Where the direct connection is taken, once, by whoever knows the token; no port: not at all. */
  z.object({
    kind: z.literal('direct'),
    port: z.int().min(1).max(65_535).exactOptional(),
    addresses: z.array(z.union([z.ipv4(), z.ipv6()])).max(16),
    token: bytesOf(16),
    secret: bytesOf(32),
  }),
  z.object({ kind: z.literal('refused'), code: z.string().max(64), message: z.string().max(MODELS_LIMITS.messageCharacters) }),
]);

export type PieceRequest = z.output<typeof pieceRequest>;
export type PieceReply = z.output<typeof pieceReply>;

export const parsePieceRequest = (header: unknown): PieceRequest => parseMessage('piece request', pieceRequest, header);
export const parsePieceReply = (header: unknown): PieceReply => parseMessage('piece reply', pieceReply, header);
