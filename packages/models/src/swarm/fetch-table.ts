import {
  errorMessage,
  PeerRefusedError,
  nameOf,
  type Clock,
  type Logger,
  type Mesh,
  type ModelId,
  type Peer,
  type PeerId,
} from '@pippa/core';
import {
  MODELS_LIMITS,
  parsePieceAnswer,
  PIECE_TABLE_PROTOCOL,
  ProtocolError,
  type PieceAnswer,
  type PieceQuestion,
} from '@pippa/protocol';
import { ModelNotHereError } from '../errors.ts';
import { PieceSet } from '../pieces/piece-set.ts';
import { pieceBytesFor } from '../pieces/piece-map.ts';
import { HASH_BYTES, mapOf, tableDigest, type PieceTable } from '../pieces/piece-table.ts';
import { sleep } from './pacer.ts';

/** How often a peer that hashes its model is asked how far it is. */
const HASHING_POLL_MS = 500;

export interface FetchTableOptions {
  readonly mesh: Mesh;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Fraction 0 .. 1 of the hashing that a peer has to do first. */
  readonly onHashing?: (fraction: number) => void;
}

/** Peers that say they have something of the model, nearest first. */
export function holdersOf(mesh: Mesh, id: ModelId): Peer[] {
  return mesh
    .peers()
    .filter(
      (peer) => peer.state !== 'dead' && (peer.card?.models.some((model) => model.id === id && model.presentBytes > 0) ?? false),
    )
    .toSorted((a, b) => a.link.tier - b.link.tier || a.link.roundTripMs.p50 - b.link.roundTripMs.p50);
}

/**
 * The piece table of a model from those who have it. Where they disagree, one that was compared with what the hub states counts, else what
 * most of them say. A table that is not what its
 * peer's digest promised is refused. Throws `ModelNotHereError` or the signal's reason.
 */
export async function fetchTable(id: ModelId, options: FetchTableOptions): Promise<PieceTable> {
  const failures: string[] = [];
  for (const peer of await inOrderOfTrust(id, options, failures)) {
    try {
      const table = await tableFrom(peer, id, options);
      options.logger.info(
        { peer, name: nameOf(options.mesh, peer), model: id, digest: tableDigest(table) },
        'got a table of pieces',
      );
      return table;
    } catch (error) {
      options.signal.throwIfAborted();
      failures.push(`${nameOf(options.mesh, peer)}: ${errorMessage(error)}`);
      options.logger.warn({ peer, name: nameOf(options.mesh, peer), error: errorMessage(error) }, 'a peer gave no table of pieces');
    }
  }
  throw new ModelNotHereError(
    `No node that can be reached has the model.${failures.length === 0 ? '' : ` ${failures.join(' ')}`}`,
    {
      hint: 'Start a node that has it, or get it with pippa-agent pull.',
    },
  );
}

async function inOrderOfTrust(id: ModelId, options: FetchTableOptions, failures: string[]): Promise<PeerId[]> {
  const votes = new Map<string, number>();
  const verified = new Set<string>();
  const asked = await Promise.all(
    holdersOf(options.mesh, id).map(async ({ id: peer }) => {
      try {
        const answer = await ask(options.mesh, peer, { kind: 'have', model: id }, options.signal);
        if (answer.kind !== 'have') throw new ProtocolError('The answer is about something else.');
        // One that has not hashed yet is asked last: others may be ready.
        if (answer.digest !== undefined) votes.set(answer.digest, (votes.get(answer.digest) ?? 0) + 1);
        if (answer.digest !== undefined && answer.verified === true) verified.add(answer.digest);
        return { peer, digest: answer.digest };
      } catch (error) {
        options.signal.throwIfAborted();
        failures.push(`${nameOf(options.mesh, peer)}: ${errorMessage(error)}`);
        return undefined;
      }
    }),
  );
  const answered = asked.filter((item) => item !== undefined);
  if (votes.size > 1) {
    const copies = answered.map(({ peer, digest }) => ({ name: nameOf(options.mesh, peer), digest }));
    options.logger.warn({ model: id, copies }, 'nodes have different copies of a model: somebody has a damaged one');
  }
  // What was compared with the hub counts more than what many say.
  const weight = (digest: string | undefined): number =>
    digest === undefined ? 0 : (votes.get(digest) ?? 0) + (verified.has(digest) ? MODELS_LIMITS.pieces : 0);
  return answered.toSorted((a, b) => weight(b.digest) - weight(a.digest)).map((item) => item.peer);
}

async function tableFrom(peer: PeerId, id: ModelId, options: FetchTableOptions): Promise<PieceTable> {
  const { mesh, clock, signal } = options;
  let head: (PieceAnswer & { kind: 'table' }) | undefined;
  let hashes = new Uint8Array(0);
  let filled = 0;
  for (;;) {
    const answer = await ask(mesh, peer, { kind: 'table', model: id, from: filled / HASH_BYTES }, signal);
    if (answer.kind === 'hashing') {
      options.onHashing?.(answer.fraction);
      await sleep(HASHING_POLL_MS, clock, signal);
      continue;
    }
    if (answer.kind !== 'table') throw new ProtocolError('The answer is about something else.');
    if (head === undefined) {
      head = answer;
      hashes = new Uint8Array(expectedCount(answer) * HASH_BYTES);
    }
    if (answer.digest !== head.digest || answer.from * HASH_BYTES !== filled || answer.hashes.length % HASH_BYTES !== 0)
      throw new ProtocolError('The pages of the table do not fit together.');
    if (answer.hashes.length === 0 || filled + answer.hashes.length > hashes.length)
      throw new ProtocolError('The table has another length than it says.');
    hashes.set(answer.hashes, filled);
    filled += answer.hashes.length;
    if (filled < hashes.length) continue;
    const table = { pieceBytes: head.pieceBytes, files: head.files, hashes };
    if (tableDigest(table) !== head.digest) throw new ProtocolError('The table is not what its digest says.');
    return table;
  }
}

/** Throws `ProtocolError` for a table that no honest node makes. */
function expectedCount({ pieceBytes, files }: Pick<PieceTable, 'pieceBytes' | 'files'>): number {
  const total = files.reduce((sum, file) => sum + file.byteLength, 0);
  const { count } = mapOf({ pieceBytes, files, hashes: new Uint8Array(0) });
  if (
    pieceBytes !== pieceBytesFor(total) ||
    count > MODELS_LIMITS.pieces ||
    files.some((file) => file.headerBytes > file.byteLength)
  )
    throw new ProtocolError('The table makes no sense.');
  return count;
}

/** Which pieces a peer has of the table with this digest; undefined when its copy is another, or not hashed yet. */
export async function askHave(
  mesh: Mesh,
  peer: PeerId,
  id: ModelId,
  { digest, count, signal }: { readonly digest: string; readonly count: number; readonly signal: AbortSignal },
): Promise<PieceSet | 'hashing' | 'other'> {
  const answer = await ask(mesh, peer, { kind: 'have', model: id }, signal);
  if (answer.kind !== 'have') throw new ProtocolError('The answer is about something else.');
  if (answer.digest === undefined) {
    // The first to ask makes it hash.
    await ask(mesh, peer, { kind: 'table', model: id, from: 0 }, signal);
    return 'hashing';
  }
  if (answer.digest !== digest) return 'other';
  return answer.whole ? PieceSet.full(count) : new PieceSet(count, answer.pieces);
}

/** Throws `ModelNotHereError` for a refusal, and what `Mesh.request` throws. */
export async function ask(mesh: Mesh, peer: PeerId, question: PieceQuestion, signal: AbortSignal): Promise<PieceAnswer> {
  try {
    return parsePieceAnswer(await mesh.request(peer, PIECE_TABLE_PROTOCOL, question, { signal }));
  } catch (error) {
    if (error instanceof PeerRefusedError && error.code === 'model_not_here')
      throw new ModelNotHereError(error.message, { cause: error });
    throw error;
  }
}
