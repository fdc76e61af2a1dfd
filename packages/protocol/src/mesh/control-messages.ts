import { z } from 'zod';
import { MESH_KEY_BYTES } from './admission-messages.ts';
import { bytesOf } from '../wire/bytes.ts';
import { cardChange, peerIdText, signedCard } from './card-messages.ts';

/** Runs over every admitted connection, opened by the side that dialled it. */
export const CONTROL_PROTOCOL = 'mesh/control/1';
/** Random for each run of a process; tells a restart from two nodes with one identity. */
export const INSTANCE_BYTES = 16;
/** Members of a mesh. */
export const MAX_MEMBERS = 512;
/** Also bounded by the size of a frame: large cards go fewer at a time. */
export const MAX_CARDS_A_MESSAGE = 16;

const sequence = z.int().min(0).max(127);
const upTo16Bits = z.int().min(0).max(65_535);
/** Unit of the round trips that are told, milliseconds. */
export const ROUND_TRIP_UNIT_MS = 0.01;

/**
 * `[sequence, nextMs, roundTrip]`: "are you there?" Answered at once. The asker asks again after `nextMs` at the latest unless it hears
 * something, and tells the last round trip that it measured in units of `ROUND_TRIP_UNIT_MS`, 0 for none, so that one side measures
 * for both.
 */
export const ping = z.tuple([sequence, upTo16Bits, upTo16Bits]);
export type Ping = z.infer<typeof ping>;
/** `[sequence]` of the question that it answers. */
export const pong = z.tuple([sequence]);
export type Pong = z.infer<typeof pong>;

export const controlMessage = z.discriminatedUnion('kind', [
  /** First on the stream, from both sides. */
  z.strictObject({ kind: z.literal('hello'), instance: bytesOf(INSTANCE_BYTES), card: signedCard }),
  /** The sender's own card, whole. */
  z.strictObject({ kind: z.literal('card'), card: signedCard }),
  /** The sender's own card changed. */
  z.strictObject({ kind: z.literal('card-change'), change: cardChange }),
  /** The sender lacks the version that a change was based on. */
  z.strictObject({ kind: z.literal('card-request') }),
  /** Asks for the cards of all others, now and, unless `once`, as they change; `have` are the versions that the sender knows. */
  z.strictObject({
    kind: z.literal('cards-request'),
    once: z.boolean().optional(),
    have: z.array(z.tuple([peerIdText, z.int().min(0)])).max(MAX_MEMBERS),
  }),
  /** Cards of others, handed on: each is signed by whom it is of. */
  z.strictObject({ kind: z.literal('cards'), cards: z.array(signedCard).max(MAX_CARDS_A_MESSAGE) }),
  /** A peer has not answered the sender for a while: whoever has a link to it should ask it now. */
  z.strictObject({ kind: z.literal('silent'), peer: peerIdText }),
  /** The sender lost its links to a peer whose card was of `version`: whoever has none should look for itself. */
  z.strictObject({ kind: z.literal('gone'), peer: peerIdText, version: z.int().min(0) }),
  /** The sender goes, and not because it broke: `stopped` may come back, `left` gave up its key. */
  z.strictObject({ kind: z.literal('leaving'), reason: z.enum(['stopped', 'left']) }),
  /** The mesh has a new key, because of those who were removed. */
  z.strictObject({
    kind: z.literal('rekey'),
    key: bytesOf(MESH_KEY_BYTES),
    epoch: z.int().min(1),
    removed: z.array(peerIdText).max(256),
  }),
  /** The sender has lost an interface: connections over this address of its hang. */
  z.strictObject({ kind: z.literal('address-gone'), address: z.string().max(64) }),
  /** This connection takes no new streams; the sender of the first one closes it when the last stream has ended. */
  z.strictObject({ kind: z.literal('retire') }),
]);
export type ControlMessage = z.infer<typeof controlMessage>;
