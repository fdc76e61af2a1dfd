/** Numbers of pieces, as a bitmap: piece `p` is bit `p % 8` of byte `p / 8`. */
export class PieceSet {
  readonly count: number;
  readonly #bits: Uint8Array;
  #size = 0;

  /** `bits`: taken over as a copy; bits past the last piece are dropped. */
  constructor(count: number, bits?: Uint8Array) {
    this.count = count;
    this.#bits = new Uint8Array(Math.ceil(count / 8));
    if (bits === undefined) return;
    for (let piece = 0; piece < count; piece += 1) if (((bits[piece >> 3] ?? 0) & (1 << (piece & 7))) !== 0) this.add(piece);
  }

  static full(count: number): PieceSet {
    return new PieceSet(count, new Uint8Array(Math.ceil(count / 8)).fill(255));
  }

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size === this.count;
  }

  has(piece: number): boolean {
    return ((this.#bits[piece >> 3] ?? 0) & (1 << (piece & 7))) !== 0;
  }

  add(piece: number): void {
    if (piece < 0 || piece >= this.count || this.has(piece)) return;
    this.#bits[piece >> 3] = (this.#bits[piece >> 3] ?? 0) | (1 << (piece & 7));
    this.#size += 1;
  }

  delete(piece: number): void {
    if (!this.has(piece)) return;
    this.#bits[piece >> 3] = (this.#bits[piece >> 3] ?? 0) & ~(1 << (piece & 7));
    this.#size -= 1;
  }

  *[Symbol.iterator](): Generator<number> {
    for (let piece = 0; piece < this.count; piece += 1) if (this.has(piece)) yield piece;
  }

  toBytes(): Uint8Array {
    return this.#bits.slice();
  }
}
