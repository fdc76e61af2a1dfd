import type { Clock, Logger } from '@pippa/core';
import type { ModelPuller, PullProgress } from '@pippa/gateway';
import { BadReferenceError, parsePullReference, pullModel, type PullOptions, type PullProgress as Transfer } from '@pippa/models';

/** More often than this nobody wants to know. */
const PROGRESS_INTERVAL_MS = 100;

export interface ModelPullerOptions {
  /** The agent's own folder of models. */
  readonly directory: string;
  readonly environment: PullOptions['environment'];
  readonly home: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Has a model found that has just come. */
  readonly afterPull: () => Promise<unknown>;
  /** For tests; `pullModel` unless said otherwise. */
  readonly fetchModel?: typeof pullModel;
}

/** Fetches models for clients of the HTTP API: from the hub and Ollama's registry, but no files of this machine and no address they name. */
export function createModelPuller(options: ModelPullerOptions): ModelPuller {
  const { clock, afterPull, fetchModel = pullModel } = options;
  return {
    async *pull(name, { signal }) {
      const { kind } = parsePullReference(name);
      if (kind !== 'hub' && kind !== 'ollama') {
        throw new BadReferenceError(`"${name}" is neither a model of the hub nor of Ollama's registry.`, {
          hint: 'On the machine itself, pippa-agent pull takes addresses and files too.',
        });
      }
      yield { status: 'pulling manifest' };
      // Those who leave do not wait for the transfer, nor does it for them.
      const left = new AbortController();
      const latest: { progress?: PullProgress; told: PromiseWithResolvers<void> } = { told: Promise.withResolvers() };
      const transfer = fetchModel(name, {
        ...options,
        signal: AbortSignal.any([signal, left.signal]),
        onProgress(progress) {
          latest.progress = progressOf(name, progress);
          latest.told.resolve();
        },
      });
      let isDone = false;
      const done = transfer.then(
        () => void (isDone = true),
        () => void (isDone = true),
      );
      try {
        while (!isDone) {
          await Promise.race([done, latest.told.promise]);
          latest.told = Promise.withResolvers();
          const { progress } = latest;
          delete latest.progress;
          if (progress === undefined) continue;
          yield progress;
          await Promise.race([done, interval(clock)]);
        }
        await transfer;
      } finally {
        left.abort();
        await done;
      }
      if (latest.progress !== undefined) yield latest.progress;
      await afterPull();
    },
  };
}

function progressOf(name: string, { phase, doneBytes, totalBytes }: Transfer): PullProgress {
  if (phase === 'checking') return { status: 'verifying sha256 digest' };
  return { status: `pulling ${name}`, digest: name, totalBytes, completedBytes: doneBytes };
}

const interval = (clock: Clock): Promise<void> => new Promise((resolve) => clock.schedule(PROGRESS_INTERVAL_MS, resolve));
