import type { Clock, Logger } from '@pippa/core';
import { DownloadFailedError, WrongHashError, WrongPieceError } from '../errors.ts';
import type { PieceFile } from '../pieces/piece-file.ts';
import type { PieceOrigin } from '../swarm/piece-origin.ts';
import { getRange } from './get-range.ts';
import type { HttpClient } from './http-client.ts';
import { PULL_LIMITS } from './limits.ts';
import type { Environment } from './plan-hub.ts';
import { planReference, withClient } from './plan-reference.ts';
import type { PlannedFile } from './pull-plan.ts';
import { parsePullReference } from './pull-reference.ts';
import { withRetries } from './with-retries.ts';

export interface HubPiecesOptions {
  readonly file: PieceFile;
  /** A reference to the hub or to Ollama's registry. */
  readonly reference: string;
  readonly environment: Environment;
  readonly home: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Pieces that follow each other in a file: asked for at once. */
export interface PieceRun {
  readonly file: number;
  readonly pieces: readonly number[];
}

/**
 * Gets pieces of a model from where it was pulled from once, by ranges. What comes has to have the hashes of the table; where the hub has
 * another version by now, nothing of it is taken.
 */
export class HubPieces implements PieceOrigin {
  readonly name: string;
  readonly #options: HubPiecesOptions;

  constructor(options: HubPiecesOptions) {
    this.#options = options;
    this.name = options.reference;
  }

  async fetch(pieces: readonly number[], { onPiece, signal }: Parameters<PieceOrigin['fetch']>[1]): Promise<void> {
    const { environment, home, file } = this.#options;
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    await withClient(environment, async (client) => {
      const { files } = await planReference(this.#reference(), client, { environment, home, signal: either });
      const waiting = runsOf(pieces, file);
      const work = async (): Promise<void> => {
        for (let run = waiting.shift(); run !== undefined; run = waiting.shift())
          await this.#getRun(run, this.#planned(files, run.file), { client, signal: either }, onPiece);
      };
      const workers = Array.from({ length: Math.min(PULL_LIMITS.connections, waiting.length) }, work);
      try {
        await Promise.all(workers);
      } catch (error) {
        stop.abort(error);
        await Promise.allSettled(workers);
        signal.throwIfAborted();
        throw error;
      }
    });
  }

  /** A peer may have named it: never an address that it chose, nor a file of this machine. */
  #reference(): ReturnType<typeof parsePullReference> {
    const reference = parsePullReference(this.name);
    if (reference.kind === 'hub' || reference.kind === 'ollama') return reference;
    throw new DownloadFailedError(`${this.name} is nothing that the hub or Ollama's registry has.`);
  }

  #planned(files: readonly PlannedFile[], index: number): PlannedFile {
    const { file } = this.#options;
    const planned = files[index];
    const { fileBytes } = file.map;
    if (planned !== undefined && files.length === fileBytes.length && (planned.byteLength ?? 0) === fileBytes[index])
      return planned;
    throw new WrongHashError(`${this.name} is another version of the model by now than ${file.name} here.`);
  }

  async #getRun(
    { pieces }: PieceRun,
    planned: PlannedFile,
    connection: { readonly client: HttpClient; readonly signal: AbortSignal },
    onPiece: (piece: number, bytes: number) => void,
  ): Promise<void> {
    const { file, clock, logger } = this.#options;
    let done = 0;
    const wrong = new Set<number>();
    const attempt = async (): Promise<void> => {
      const [first, last] = [pieces[done], pieces.at(-1)];
      if (first === undefined || last === undefined) return;
      const end = file.map.place(last);
      const range = { from: file.map.place(first).offset, to: end.offset + end.length - 1, total: planned.byteLength ?? 0 };
      let buffer = new Uint8Array(0);
      let filled = 0;
      await getRange(planned, range, connection, async (chunk) => {
        for (let at = 0; at < chunk.length;) {
          const piece = pieces[done] ?? 0;
          const { length } = file.map.place(piece);
          if (filled === 0) buffer = new Uint8Array(length);
          const taken = Math.min(length - filled, chunk.length - at);
          buffer.set(chunk.subarray(at, at + taken), filled);
          filled += taken;
          at += taken;
          if (filled < length) continue;
          filled = 0;
          await this.#store(piece, buffer, wrong);
          done += 1;
          onPiece(piece, length);
        }
      });
    };
    await withRetries(planned.url, { clock, logger, signal: connection.signal }, attempt, () => done);
  }

  /** What was damaged on the way may come right the second time; another version of the model does not. */
  async #store(piece: number, bytes: Uint8Array<ArrayBuffer>, wrong: Set<number>): Promise<void> {
    try {
      await this.#options.file.store(piece, bytes);
    } catch (cause) {
      if (!(cause instanceof WrongPieceError)) throw cause;
      const message = `${this.name} has other bytes for piece ${piece} than the nodes agreed on.`;
      if (wrong.has(piece)) throw new WrongHashError(message, { cause });
      wrong.add(piece);
      throw new DownloadFailedError(message, { cause });
    }
  }
}

/** Neighbours in one file together, as many as one connection is asked for at once. */
export function runsOf(pieces: readonly number[], { map }: Pick<PieceFile, 'map'>): PieceRun[] {
  const runs: { file: number; pieces: number[]; bytes: number }[] = [];
  for (const piece of [...pieces].sort((a, b) => a - b)) {
    const { file, length } = map.place(piece);
    const last = runs.at(-1);
    if (last?.file === file && last.pieces.at(-1) === piece - 1 && last.bytes + length <= PULL_LIMITS.segmentBytes) {
      last.pieces.push(piece);
      last.bytes += length;
    } else {
      runs.push({ file, pieces: [piece], bytes: length });
    }
  }
  return runs;
}
