import { StageError, type Clock, type PeerId, type StageChain, type StageInfo, type Step, type StepResult } from '@pippa/core';
import { LinkFailedError, type StageConnection, type StageFailure } from './stage-connection.ts';

/** What broke a chain, and where. */
export interface ChainLoss {
  readonly error: Error;
  /** The node whose stage is gone; undefined: a step failed or the way between two stages broke, all stages are still there. */
  readonly lost: StageConnection | undefined;
  /** The stage that is at fault as far as is known. */
  readonly suspect: PeerId | undefined;
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
  #loss: ChainLoss | undefined;

  private constructor(connections: readonly StageConnection[], epoch: number, onLost: (loss: ChainLoss) => void) {
    this.#connections = connections;
    this.epoch = epoch;
    this.#onLost = onLost;
    this.stages = connections.map((connection) => connection.info);
    for (const connection of connections) {
      connection.listen({
        onResult: (result) => this.#onResult(result),
        onFailure: (failure) => this.#onFailure(failure),
      });
      void connection.lost.then((error) => {
        if (error !== undefined) this.#break({ error, lost: connection, suspect: connection.peer });
      });
    }
  }

  /**
   * Links the stages in a new epoch. Throws `LinkFailedError` when a way between two of them cannot be opened or one does not answer within
   * `linkMs`, or why one was lost meanwhile. `onLost` is called once at most.
   */
  static async link(
    connections: readonly StageConnection[],
    epoch: number,
    { clock, linkMs, onLost }: { readonly clock: Clock; readonly linkMs: number; readonly onLost: (loss: ChainLoss) => void },
  ): Promise<RingChain> {
    const silent = new Set(connections);
    const late = Promise.withResolvers<never>();
    const cancelTimer = clock.schedule(linkMs, () => {
      const [first] = silent;
      late.reject(new LinkFailedError(`A stage did not link within ${linkMs} ms.`, first?.peer));
    });
    const links = connections.map(async (connection, index) => {
      const next = connections[index + 1];
      const failure = await connection.link({
        epoch,
        index,
        stageCount: connections.length,
        next: next === undefined ? null : { peer: next.peer },
      });
      silent.delete(connection);
      if (failure !== undefined) throw new LinkFailedError(failure.message, connections[failure.index]?.peer);
    });
    try {
      await Promise.race([Promise.all(links), late.promise]);
    } finally {
      cancelTimer();
    }
    return new RingChain(connections, epoch, onLost);
  }

  /** What broke it; undefined while it holds. */
  get loss(): ChainLoss | undefined {
    return this.#loss;
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
    const suspect = this.#connections[index]?.peer;
    this.#break({ error: new StageError(`Stage ${index} failed (${code}): ${message}`), lost: undefined, suspect });
  }

  #break(loss: ChainLoss): void {
    if (this.#loss !== undefined) return;
    this.#loss = loss;
    for (const waiting of this.#waiting.values()) waiting.reject(loss.error);
    this.#waiting.clear();
    this.#onLost(loss);
  }
}
