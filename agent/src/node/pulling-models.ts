import {
  errorMessage,
  formatBytes,
  formatDuration,
  ModelNotFoundError,
  OverloadedError,
  type Logger,
  type ModelService,
  type ServedModel,
} from '@pippa/core';
import { explainPull, isAddress, isRemoteReference, type PullOptions, type PullPlan, type PullProgress } from '@pippa/models';
import { ModelOnHubError } from '../errors.ts';

/** Clients are told to come back within this, however long it takes. */
const LONGEST_RETRY_SECONDS = 30;
/** References that are remembered; the oldest go. */
const MAX_REFERENCES = 32;

export interface PullingModelsParts {
  readonly models: ModelService;
  /** `--auto-pull` */
  readonly mayPull: boolean;
  readonly plan: (reference: string, options: Pick<PullOptions, 'signal'>) => Promise<PullPlan>;
  /** Ends when the library knows the model. */
  readonly pull: (
    reference: string,
    options: Pick<PullOptions, 'signal'> & { onProgress(progress: PullProgress): void },
  ) => Promise<void>;
  readonly logger: Logger;
}

type State =
  | { readonly kind: 'planning' }
  | { readonly kind: 'offered'; readonly plan: PullPlan }
  | { readonly kind: 'pulling'; readonly plan: PullPlan; progress: PullProgress | undefined }
  | { readonly kind: 'here'; readonly name: string }
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * The models of the mesh, and those that a request names by where they are to be had (`hf:org/repo:Q4_K_M`). Such a request is told what
 * getting the model would take; with `--auto-pull` it is got, and the client told when to come back.
 */
export class PullingModels implements ModelService {
  readonly #parts: PullingModelsParts;
  readonly #states = new Map<string, State>();
  readonly #abort = new AbortController();

  constructor(parts: PullingModelsParts) {
    this.#parts = parts;
  }

  list(): readonly ServedModel[] {
    return this.#parts.models.list();
  }

  get(asked: string): ServedModel {
    try {
      return this.#parts.models.get(asked);
    } catch (error) {
      // An address in a request would make this node ask any server of the house.
      if (!(error instanceof ModelNotFoundError) || !isRemoteReference(asked) || isAddress(asked)) throw error;
      const state = this.#states.get(asked);
      // The reference of a single file is no name of its model.
      if (state?.kind === 'here') return this.#parts.models.get(state.name);
      throw this.#answer(asked, state ?? this.#begin(asked));
    }
  }

  stop(): void {
    this.#abort.abort(new ModelOnHubError('The agent stops.'));
  }

  #answer(reference: string, state: State): unknown {
    switch (state.kind) {
      case 'planning':
        return new OverloadedError(`It is being found out what ${reference} is.`, 1);
      case 'offered':
        return new ModelOnHubError(`The model is not in this house. ${explainPull(state.plan)}`, {
          hint: `Get it with pippa-agent pull ${reference}, or start the agent with --auto-pull.`,
        });
      case 'pulling': {
        const { progress, plan } = state;
        const left = progress?.remainingMs;
        const seconds = Math.min(LONGEST_RETRY_SECONDS, Math.max(1, Math.ceil((left ?? 5000) / 1000)));
        const amount =
          progress === undefined ? '' : `, ${formatBytes(progress.doneBytes)} of ${formatBytes(progress.totalBytes)} are here`;
        return new OverloadedError(
          `${plan.name} is being pulled from ${plan.from}${amount}${left === undefined ? '' : `, about ${formatDuration(left)} left`}.`,
          seconds,
        );
      }
      case 'here':
        return new OverloadedError(`${state.name} is here in a moment.`, 1);
      case 'failed':
      default:
        // The next request tries again.
        this.#states.delete(reference);
        return state.error;
    }
  }

  #isHere(name: string): boolean {
    try {
      this.#parts.models.get(name);
      return true;
    } catch {
      return false;
    }
  }

  #begin(reference: string): State {
    const [oldest] = this.#states.keys();
    if (this.#states.size >= MAX_REFERENCES && oldest !== undefined) this.#states.delete(oldest);
    const state: State = { kind: 'planning' };
    this.#states.set(reference, state);
    void this.#work(reference);
    return state;
  }

  async #work(reference: string): Promise<void> {
    const { plan: makePlan, pull, mayPull, logger } = this.#parts;
    const { signal } = this.#abort;
    try {
      const plan = await makePlan(reference, { signal });
      if (this.#isHere(plan.name)) return void this.#states.set(reference, { kind: 'here', name: plan.name });
      if (!mayPull) return void this.#states.set(reference, { kind: 'offered', plan });
      const pulling: State = { kind: 'pulling', plan, progress: undefined };
      this.#states.set(reference, pulling);
      logger.info({ model: plan.name, from: plan.from }, 'a model that a request asked for is pulled');
      await pull(reference, { signal, onProgress: (progress) => (pulling.progress = progress) });
      this.#states.set(reference, { kind: 'here', name: plan.name });
    } catch (error) {
      logger.warn({ reference, error: errorMessage(error) }, 'a model that a request asked for cannot be got');
      this.#states.set(reference, { kind: 'failed', error });
    }
  }
}
