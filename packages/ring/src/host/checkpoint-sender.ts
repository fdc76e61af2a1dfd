import type { FrameStream, Mesh, PeerId, StageRunner } from '@pippa/core';
import { CHECKPOINT_PROTOCOL, type CheckpointMessage, type ConductorMessage, type StageOpenMessage } from '@pippa/protocol';
import type { Journal } from './journal/journal.ts';

/** About so much of a cache is exported at a time: the stage computes nothing meanwhile, and steps share the way with it. */
const PART_BYTES = 1024 * 1024;
const MIN_PART_POSITIONS = 16;

export interface CheckpointSource {
  readonly order: StageOpenMessage;
  readonly runner: StageRunner;
  readonly journal: Journal | undefined;
}

/** Sends parts of a stage's cache to the node that has its spare, in the background and one order at a time. */
export class CheckpointSender {
  readonly #mesh: Mesh;
  #way: { readonly peer: PeerId; readonly stream: FrameStream } | undefined;
  #busy = false;
  #closed = false;

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  /** Rejects when the spare cannot be reached or the positions cannot be had: the conductor hears of no progress then. */
  async send(
    { slot, version, from, to, peer }: Extract<ConductorMessage, { kind: 'checkpoint' }>,
    { order, runner, journal }: CheckpointSource,
  ): Promise<void> {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    try {
      const stream = await this.#open(peer);
      const { memoryBytes, contextCells } = runner.info;
      const positions = Math.max(MIN_PART_POSITIONS, Math.floor(PART_BYTES / Math.max(1, memoryBytes.context / contextCells)));
      for (let start = from; start < to && !this.#closed; start += positions) {
        const end = Math.min(to, start + positions);
        const state = await runner.exportSlot(slot, start, end);
        const rows = (await journal?.read(slot, start, end)) ?? new Uint8Array(0);
        const payload = new Uint8Array(rows.length + state.length);
        payload.set(rows);
        payload.set(state, rows.length);
        const header: CheckpointMessage = {
          kind: 'positions',
          ring: order.ring,
          from: order.from,
          slot,
          version,
          start,
          end,
          rowBytes: rows.length,
        };
        await stream.send(header, payload);
      }
    } finally {
      this.#busy = false;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const way = this.#way;
    this.#way = undefined;
    await way?.stream.close();
  }

  async #open(peer: PeerId): Promise<FrameStream> {
    if (this.#way?.peer === peer) return this.#way.stream;
    void this.#way?.stream.close();
    const stream = await this.#mesh.open(peer, CHECKPOINT_PROTOCOL);
    if (this.#closed) await stream.close();
    const way = { peer, stream };
    this.#way = way;
    void stream.closed.then(() => {
      if (this.#way === way) this.#way = undefined;
    });
    return stream;
  }
}
