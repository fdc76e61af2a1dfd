import { BadReferenceError } from '../errors.ts';
import { HttpClient } from './http-client.ts';
import { planHub, type Environment } from './plan-hub.ts';
import { planOllama } from './plan-ollama.ts';
import { planUrl } from './plan-url.ts';
import type { PullPlan } from './pull-plan.ts';
import type { PullReference } from './pull-reference.ts';

export interface PlanOptions {
  readonly environment: Environment;
  readonly home: string;
  readonly signal: AbortSignal;
}

/** Does something with connections to servers, and closes them. */
export async function withClient<Result>(environment: Environment, work: (client: HttpClient) => Promise<Result>): Promise<Result> {
  const client = new HttpClient(environment);
  try {
    return await work(client);
  } finally {
    client[Symbol.dispose]();
  }
}

/** What a reference stands for. Throws `BadReferenceError` for a path, and what planning throws. */
export async function planReference(reference: PullReference, client: HttpClient, options: PlanOptions): Promise<PullPlan> {
  const hubOptions = { client, ...options };
  switch (reference.kind) {
    case 'hub':
      return planHub(reference, hubOptions);
    case 'ollama':
      return planOllama(reference, hubOptions);
    case 'url':
      return planUrl(reference.url, hubOptions);
    case 'path':
    default:
      throw new BadReferenceError(`${reference.path} is a file on this machine, nothing to download.`);
  }
}
