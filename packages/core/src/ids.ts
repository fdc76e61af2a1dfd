/** Branded identifiers: a string or number of one kind cannot stand in for another. */
declare const brand: unique symbol;
type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Name under which a model is asked for: `repo:quant`, an alias or a file's stem. */
export type ModelName = Brand<string, 'ModelName'>;
/** What a model is, whatever it is called: 64 hexadecimal digits, see `modelFingerprint` of `gguf`. Equal on every node that has the same files. */
export type ModelId = Brand<string, 'ModelId'>;
/** A node's libp2p peer id in its text form (`12D3KooW...`). */
export type PeerId = Brand<string, 'PeerId'>;
/** One live placement. */
export type RingId = Brand<string, 'RingId'>;
/** One generation's tokens and KV in a ring. */
export type SequenceId = Brand<number, 'SequenceId'>;
/** Row of the KV cache that a sequence occupies, `0 .. parallelSequences - 1`. */
export type Slot = Brand<number, 'Slot'>;
/** Index into a model's vocabulary. */
export type TokenId = number;

export const modelName = (name: string): ModelName => name as ModelName;
export const modelId = (id: string): ModelId => id as ModelId;
export const peerId = (id: string): PeerId => id as PeerId;
export const ringId = (id: string): RingId => id as RingId;
export const sequenceId = (id: number): SequenceId => id as SequenceId;
export const slot = (index: number): Slot => index as Slot;
