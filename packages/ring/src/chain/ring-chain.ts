import {
  StageError,
  type Clock,
  type DirectDoor,
  type DirectReceiver,
  type PeerId,
  type Slot,
  type StageChain,
  type StageInfo,
  type Step,
  type StepResult,
} from '@pippa/core';
import { decodeResult, STREAM_FRAME_LIMITS } from '@pippa/protocol';
import type { RelinkPlan } from './plan-relink.ts';
import { LinkFailedError, type ReplayedSlots, type StageConnection, type StageFailure } from './stage-connection.ts';

/** What broke a chain, and where. */
export interface ChainLoss {
  readonly error: Error;
  /** The node whose stage is gone; undefined: a step failed or the way between two stages broke, all stages are still there. */
  readonly lost: StageConnection | undefined;
  /** The stage that is at fault as far as is known. */
  readonly suspect: PeerId | undefined;
  /** A stage that is still there, but whose cache is not to be trusted. */
  readonly spoiled?: StageConnection | undefined;
}

/** How stages are linked. */
export interface LinkOptions extends RelinkPlan {
  /** Steps with a lower id are replayed ones. */
  readonly firstStep: number;
  /** Whether stages keep what they send on, for one that may be lost. */
  readonly journals: boolean;
  readonly clock: Clock;
  /** How long a stage may take to open its way to the next one. */
  readonly linkMs: number;
  /** Where results may come in past the control stream; left out: nowhere. */
  readonly door?: DirectDoor | undefined;
  readonly onLost: (loss: ChainLoss) => void;
}

/** What a step took, for metrics. */
export interface RingStep {
  readonly model: string;
  /** Compute time of each stage. */
  readonly computeMs: readonly number[];
  /** From submission to result. */
  readonly elapsedMs: number;
  /** Others were under way meanwhile, so it waited for them too. */
  readonly overlapped: boolean;
}

interface Waiting {
  readonly resolve: (result: StepResult) => void;
  readonly reject: (error: Error) => void;
}

/** Linked stages of one epoch. Steps go into the first one, results come from the last; in between they travel from node to node. */
export class RingChain implements StageChain {
  readonly stages: readonly StageInfo[];
  readonly epoch: number;
  readonly #connections: readonly StageConnection[];
  readonly #waiting = new Map<number, Waiting>();
  readonly #onLost: (loss: ChainLoss) => void;
  readonly #gap: RelinkPlan['gap'];
  /** What can be replayed into the gap, slot by slot. */
  readonly journal: readonly (readonly [Slot, number])[];
  readonly #replayed = Promise.withResolvers<void>();
  readonly #results: DirectReceiver | undefined;
  #loss: ChainLoss | undefined;

  private constructor(
    connections: readonly StageConnection[],
    epoch: number,
    journal: RingChain['journal'],
    { gap, onLost, results }: Pick<LinkOptions, 'gap' | 'onLost'> & { readonly results: DirectReceiver | undefined },
  ) {
    this.#connections = connections;
    this.epoch = epoch;
    this.#onLost = onLost;
    this.#gap = gap;
    this.journal = journal;
    this.#results = results;
    // Nobody may ever wait for it.
    this.#replayed.promise.catch(() => {});
    this.stages = connections.map((connection) => connection.info);
    for (const connection of connections) {
      connection.listen({
        onResult: (result) => this.#onResult(result),
        onFailure: (failure) => this.#onFailure(failure),
        onReplayed: (replayed) => {
          if (replayed === epoch) this.#replayed.resolve();
        },
      });
      void connection.lost.then((error) => {
        if (error !== undefined) this.#break({ error, lost: connection, suspect: connection.peer });
      });
    }
    void results?.closed.then((error) => {
      if (error !== undefined) this.#break({ error, lost: undefined, suspect: connections.at(-1)?.peer });
    });
  }

  /**
   * Links the stages in a new epoch. Throws `LinkFailedError` when a way between two of them cannot be opened or one does not answer within
   * `linkMs`, or why one was lost meanwhile. `onLost` is called once at most.
   */
  static async link(connections: readonly StageConnection[], epoch: number, options: LinkOptions): Promise<RingChain> {
    const { clock, linkMs, gap, door } = options;
    let onResult: (result: StepResult) => void = () => {};
    const results = await door
      ?.open({ maxFrameBytes: STREAM_FRAME_LIMITS.headerBytes, onFrame: (frame) => onResult(decodeResult(frame)) })
      // Then they come the other way.
      .catch(() => undefined);
    const silent = new Set(connections);
    const failed = Promise.withResolvers<never>();
    const cancelTimer = clock.schedule(linkMs, () => {
      const [first] = silent;
      failed.reject(new LinkFailedError(`A stage did not link within ${linkMs} ms.`, first?.peer));
    });
    const failWith = ({ index, code, message }: StageFailure): void => {
      const guilty = connections[index];
      failed.reject(new LinkFailedError(message, guilty?.peer, code === 'link_lost' ? undefined : guilty));
    };
    // One that is linked may lose its way again while others are not yet.
    for (const connection of connections)
      connection.listen({
        onResult: () => {},
        onReplayed: () => {},
        onFailure: (failure) => {
          if (failure.epoch === epoch) failWith(failure);
        },
      });
    const links = connections.map(async (connection, index) => {
      const next = connections[index + 1];
      const outcome = await connection.link({
        epoch,
        index,
        stageCount: connections.length,
        next: next === undefined ? null : { peer: next.peer, to: next.info.to },
        results: next === undefined && results !== undefined ? results.offer : null,
        cache: options.caches[index] ?? 'empty',
        journals: options.journals,
        firstStep: options.firstStep,
        endsReplay: index === gap?.to,
      });
      silent.delete(connection);
      if (outcome.kind === 'failed') failWith(outcome);
      return outcome.kind === 'failed' ? failed.promise : outcome.journal;
    });
    try {
      const journals = await Promise.race([failed.promise, Promise.all(links)]);
      const journal = gap === undefined ? [] : (journals[gap.from - 1] ?? []);
      const chain = new RingChain(connections, epoch, journal, { ...options, results });
      onResult = (result) => chain.#onResult(result);
      return chain;
    } catch (error) {
      results?.close();
      throw error;
    } finally {
      cancelTimer();
    }
  }

  /** What broke it; undefined while it holds. */
  get loss(): ChainLoss | undefined {
    return this.#loss;
  }

  /**
   * Has the stage before the gap send on again positions `[from, to)` of each slot; settles when the gap has them. To be called before
   * steps are submitted. Throws what broke the chain meanwhile.
   */
  async replay(slots: ReplayedSlots): Promise<void> {
    if (this.#loss !== undefined) throw this.#loss.error;
    const source = this.#gap === undefined ? undefined : this.#connections[this.#gap.from - 1];
    if (source === undefined) throw new StageError('There is nothing to be replayed.');
    await source.replay(this.epoch, slots);
    await this.#replayed.promise;
  }

  submit(step: Step): Promise<StepResult> {
    if (this.#loss !== undefined) return Promise.reject(this.#loss.error);
    const first = this.#connections[0];
    if (first === undefined) return Promise.reject(new StageError('The ring has no stages.'));
    return new Promise((resolve, reject) => {
      this.#waiting.set(step.id, { resolve, reject });
      // A failed send means a lost stream, which is told by `lost`.
      first.submit(step).catch(() => {});
    });
  }

  /** Nobody submits steps to it any more. */
  close(): void {
    this.#results?.close();
  }

  /** The steps under way take too long: this stage is given up. */
  giveUp(connection: StageConnection, error: Error): void {
    this.#break({ error, lost: connection, suspect: connection.peer });
  }

  #onResult(result: StepResult): void {
    if (result.epoch !== this.epoch) return;
    this.#waiting.get(result.id)?.resolve(result);
    this.#waiting.delete(result.id);
  }

  #onFailure({ epoch, index, code, message }: StageFailure): void {
    if (epoch !== this.epoch) return;
    const guilty = this.#connections[index];
    this.#break({
      error: new StageError(`Stage ${index} failed (${code}): ${message}`),
      lost: undefined,
      suspect: guilty?.peer,
      spoiled: code === 'link_lost' ? undefined : guilty,
    });
  }

  #break(loss: ChainLoss): void {
    if (this.#loss !== undefined) return;
    this.#loss = loss;
    for (const waiting of this.#waiting.values()) waiting.reject(loss.error);
    this.#waiting.clear();
    this.#replayed.reject(loss.error);
    this.close();
    this.#onLost(loss);
  }
}
