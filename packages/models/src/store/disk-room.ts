import { errorMessage, formatBytes, MIB, type Logger, type Mesh, type ModelId } from '@pippa/core';
import { NotEnoughDiskError } from '../errors.ts';
import type { PieceFile } from '../pieces/piece-file.ts';
import { askHave, holdersOf } from '../swarm/fetch-table.ts';
import type { PartialModels } from './partial-models.ts';
import { freeDiskBytes } from './free-disk-bytes.ts';
import { planEviction, type EvictionCandidate } from './plan-eviction.ts';

/** Room that is left on the disk for everybody else. */
const SPARE_BYTES = 256 * MIB;
const ASK_MS = 3000;

export interface DiskRoomOptions {
  readonly directory: string;
  readonly partial: PartialModels;
  readonly mesh: Mesh;
  /** Most that pieces may take; the disk alone decides when left out. */
  readonly quotaBytes: number | undefined;
  /** Pieces of this model must stay whatever the cards say. */
  readonly isBusy: (id: ModelId) => boolean;
  /** A plain file of the agent's own shares the bytes of these pieces: letting go of them frees nothing. */
  readonly isPublished: (id: ModelId) => boolean;
  readonly logger: Logger;
  /** Bytes that are free on the disk of a folder. */
  readonly freeBytes?: (directory: string) => Promise<number>;
}

/** Sees to it that pieces find room, and lets go of those that are needed least. */
export class DiskRoom {
  readonly #options: DiskRoomOptions;

  constructor(options: DiskRoomOptions) {
    this.#options = options;
  }

  /** Throws `NotEnoughDiskError`, which says what stays and why. */
  async make(name: string, neededBytes: number, signal: AbortSignal): Promise<void> {
    const { directory, partial, quotaBytes, logger, freeBytes = freeDiskBytes } = this.#options;
    const files = partial.list().filter((file) => !this.#options.isPublished(file.id));
    const used = files.reduce((sum, file) => sum + file.presentBytes, 0);
    const free = await freeBytes(directory);
    const overQuota = quotaBytes === undefined ? 0 : used + neededBytes - quotaBytes;
    const wantedBytes = Math.max(overQuota, neededBytes + SPARE_BYTES - free);
    if (wantedBytes <= 0) return;
    const candidates = await Promise.all(files.map((file) => this.#candidate(file, signal)));
    const { evict, shortBytes, kept } = planEviction(candidates, wantedBytes);
    if (shortBytes > 0) {
      const limit =
        overQuota >= neededBytes + SPARE_BYTES - free
          ? `pieces may take ${formatBytes(quotaBytes ?? 0)} here and take ${formatBytes(used)}`
          : `the disk has ${formatBytes(free)} free`;
      const staying = kept.map(({ name: other, bytes, why }) => `${other} (${formatBytes(bytes)}, ${why})`).join(', ');
      throw new NotEnoughDiskError(
        `${name} needs ${formatBytes(neededBytes)}, but ${limit}.${staying === '' ? '' : ` What stays: ${staying}.`}`,
        { hint: 'Raise --disk-quota, free some space, or let another node hold these layers.' },
      );
    }
    for (const id of evict) {
      const file = partial.get(id);
      logger.info({ model: file?.name, bytes: file?.presentBytes }, 'pieces make room for others');
      await partial.discard(id);
    }
  }

  async #candidate(file: PieceFile, signal: AbortSignal): Promise<EvictionCandidate> {
    const { id, name, presentBytes: bytes, usedMs } = file;
    const isNeeded = this.#options.isBusy(id) || this.#isInRing(id);
    // Nobody need be asked about what stays anyhow.
    const isElsewhere = !isNeeded && (await this.#isElsewhere(file, signal));
    return { id, name, bytes, usedMs, isNeeded, isElsewhere };
  }

  #isInRing(id: ModelId): boolean {
    const { mesh } = this.#options;
    const cards = [mesh.card, ...mesh.peers().map((peer) => peer.card)];
    return (
      mesh.card.stages.some((stage) => stage.model === id) ||
      cards.some(
        (card) => card?.rings.some((ring) => ring.model === id && ring.stages.some((stage) => stage.peer === mesh.self)) ?? false,
      )
    );
  }

  /**
   * Whether others have every piece that is here. Of two nodes that each have a part, only the one with the higher id may rely on the
   * other: else both might let go at the same time.
   */
  async #isElsewhere(file: PieceFile, signal: AbortSignal): Promise<boolean> {
    const { mesh, logger } = this.#options;
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]);
    const missing = new Set(file.present);
    for (const peer of holdersOf(mesh, file.id)) {
      if (peer.state !== 'alive') continue;
      const card = peer.card?.models.find((model) => model.id === file.id);
      const isWhole = card !== undefined && card.presentBytes >= card.fileBytes;
      if (!isWhole && peer.id > mesh.self) continue;
      try {
        const have = await askHave(mesh, peer.id, file.id, { digest: file.digest, count: file.map.count, signal: bounded });
        if (have === 'hashing' || have === 'other') continue;
        for (const piece of missing) if (have.has(piece)) missing.delete(piece);
      } catch (error) {
        logger.debug({ peer: peer.id, error: errorMessage(error) }, 'a peer does not say which pieces it has');
      }
      if (missing.size === 0) return true;
    }
    return missing.size === 0;
  }
}
