import { formatDuration, StageError, untilFirst, type Clock, type Logger, type Mesh, type PeerId } from '@pippa/core';
import type { ChainLoss } from '../chain/ring-chain.ts';
import { LinkFailedError, StageRefusedError } from '../chain/stage-connection.ts';
import { PlacementRefusedError } from './ring-planner.ts';
import type { RingSettings } from './ring-settings.ts';
import type { Linked } from './linker.ts';
import type { StageSet } from './stage-set.ts';

/** A recovery, for status and metrics. */
export interface Recovery {
  readonly reason: string;
  /** From the loss to the first step after it, milliseconds. */
  readonly durationMs: number;
  /** Of it: finding places and loading. The rest went into linking, and tries that failed. */
  readonly loadMs: number;
  /** Of it: sending new stages again what they lack, so many positions. */
  readonly replayMs: number;
  readonly replayedRows: number;
}

export interface MenderParts {
  readonly stages: StageSet;
  readonly mesh: Mesh;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: RingSettings;
  /** Goes on over the stages there are. */
  readonly relink: () => Promise<Linked>;
  readonly onMended: () => void;
  /** Another ring of the model would do better with the room that this one takes. */
  readonly shallGiveWay: () => boolean;
  /** The ring is not wanted any more. */
  readonly signal: AbortSignal;
}

/** Most recoveries that are remembered. */
const MAX_RECOVERIES = 32;
/** A node that the way to could not be opened so often is done without. */
const MAX_FAILED_LINKS = 2;

/** Finds places for the stages that a ring lost and tries until it goes on, within bounds. */
export class Mender {
  /** The last ones. */
  readonly recoveries: Recovery[] = [];
  /** All of them. */
  times = 0;
  readonly #parts: MenderParts;
  /** Losses in a row without one token in between. */
  #fruitless = 0;
  #generatedAtLoss = -1;

  constructor(parts: MenderParts) {
    this.#parts = parts;
  }

  /** `generatedTokens`: by the ring up to now. Throws what was in the way of the last try, or the signal's reason. */
  async mend(loss: ChainLoss, generatedTokens: number): Promise<void> {
    const { stages, clock, settings, logger, relink, signal } = this.#parts;
    this.#fruitless = generatedTokens === this.#generatedAtLoss ? this.#fruitless + 1 : 0;
    this.#generatedAtLoss = generatedTokens;
    const sinceMs = clock.nowMs();
    const excluded = new Set<PeerId>();
    /** Nodes that the way to could not be opened, and how often. */
    const unlinked = new Map<PeerId, number>();
    this.#giveUp(loss, excluded);
    let failure: unknown = loss.error;
    while (clock.nowMs() - sinceMs < settings.recoverMs) {
      signal.throwIfAborted();
      if (this.#fruitless > settings.maxFruitlessRepairs) {
        throw new StageError(`The ring broke ${this.#fruitless} times in a row without one token in between.`);
      }
      try {
        const triedMs = clock.nowMs();
        await stages.repair(excluded, signal);
        const loadMs = clock.nowMs() - triedMs;
        const { replayMs, replayedRows } = await relink();
        const durationMs = clock.nowMs() - sinceMs;
        this.#remember({ reason: loss.error.message, durationMs, loadMs, replayMs, replayedRows });
        // As loud as the loss was.
        logger.warn({}, `ring mended in ${formatDuration(durationMs)}`);
        return;
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
        if (isShortOfRoom(error) && this.#parts.shallGiveWay()) throw error;
        logger.info({ err: error }, 'ring not mended yet');
        const before = stages.connections.length;
        await stages.dropLost();
        const isLess = stages.connections.length < before;
        const suspect = error instanceof LinkFailedError ? error.suspect : undefined;
        // Rather a way that may come back than nobody at all.
        if (error instanceof PlacementRefusedError) unlinked.clear();
        if (suspect !== undefined) unlinked.set(suspect, (unlinked.get(suspect) ?? 0) + 1);
        // The way to a dead node often breaks before its own stream does: now that it is known to be gone, there is nothing to wait for.
        if (!isLess) await this.#untilSomethingChanges();
        // Who refused may be fine by now. Whom a neighbour cannot reach is done without, as far as others have room.
        excluded.clear();
        for (const [peer, times] of unlinked) if (times >= MAX_FAILED_LINKS) this.#doWithout(peer, excluded);
      }
    }
    throw failure;
  }

  /** The stage that is lost goes; where none is, a node that was at fault twice in a row does. */
  #giveUp({ lost, suspect, error, spoiled }: ChainLoss, excluded: Set<PeerId>): void {
    const { stages, mesh } = this.#parts;
    if (this.#fruitless > 0) stages.distrust();
    else if (spoiled !== undefined) stages.distrust(spoiled);
    const guilty = stages.connections.filter(
      (connection) => connection === lost || (lost === undefined && this.#fruitless > 0 && connection.peer === suspect),
    );
    for (const { peer } of guilty) if (peer !== mesh.self) excluded.add(peer);
    stages.abandon(guilty, new StageError(`The stage was given up: ${error.message}`));
  }

  #doWithout(peer: PeerId, excluded: Set<PeerId>): void {
    const { stages, mesh } = this.#parts;
    if (peer === mesh.self) return;
    excluded.add(peer);
    const theirs = stages.connections.filter((connection) => connection.peer === peer);
    stages.abandon(theirs, new StageError('Its neighbour cannot reach it.'));
  }

  async #untilSomethingChanges(): Promise<void> {
    const { mesh, clock, settings, signal } = this.#parts;
    await untilFirst(signal, [
      (done) =>
        mesh.onPeersChanged((peer) => {
          if (peer.state === 'alive') done();
        }),
      (done) => clock.schedule(settings.retryMs, done),
    ]);
  }

  #remember(recovery: Recovery): void {
    this.times += 1;
    this.recoveries.push(recovery);
    if (this.recoveries.length > MAX_RECOVERIES) this.recoveries.shift();
    this.#parts.onMended();
  }
}

function isShortOfRoom(error: unknown): boolean {
  return error instanceof PlacementRefusedError || (error instanceof StageRefusedError && error.code === 'out_of_memory');
}
