import type { PieceFile } from '../pieces/piece-file.ts';
import type { ShardArrival } from './model-store.ts';

interface Waiting {
  readonly missing: Set<number>;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Tells of a file of pieces which bytes are there while the others come. */
export class PiecesArrival implements ShardArrival {
  readonly identity: string;
  readonly done: Promise<void>;
  readonly #file: PieceFile;
  readonly #waiting = new Map<number, Waiting[]>();
  #isOver = false;
  #failure: unknown;

  /** `done`: of the download. */
  constructor(file: PieceFile, done: Promise<void>) {
    this.identity = file.digest;
    this.#file = file;
    const stopListening = file.onStored((piece) => this.#arrived(piece));
    this.done = done.finally(() => {
      this.#isOver = true;
      stopListening();
    });
    this.done.catch((error: unknown) => this.#fail(error));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get failure(): unknown {
    return this.#failure;
  }

  async ready(file: number, offset: number, byteLength: number): Promise<void> {
    const { map, present } = this.#file;
    const missing = new Set([...map.covering(file, offset, byteLength)].filter((piece) => !present.has(piece)));
    if (missing.size === 0) return undefined;
    if (this.#isOver) return this.done;
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { missing, resolve, reject };
      for (const piece of missing) this.#waiting.set(piece, [...(this.#waiting.get(piece) ?? []), waiting]);
    });
  }

  #arrived(piece: number): void {
    for (const { missing, resolve } of this.#waiting.get(piece) ?? []) {
      missing.delete(piece);
      if (missing.size === 0) resolve();
    }
    this.#waiting.delete(piece);
  }

  #fail(error: unknown): void {
    this.#failure = error;
    for (const { reject } of [...this.#waiting.values()].flat()) reject(error);
    this.#waiting.clear();
  }
}
