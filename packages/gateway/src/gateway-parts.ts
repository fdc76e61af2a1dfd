import type { Clock, Logger, ModelService } from '@pippa/core';
import type { GatewayCounters } from './counters.ts';
import type { Access } from './access/access.ts';
import type { GatewayLimits } from './limits.ts';
import type { ModelPuller } from './ollama/model-puller.ts';
import type { ResponseStore } from './responses-api/store.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { TextOperations } from './text/operations.ts';
import type { TraceLog } from './telemetry/trace-log.ts';

/** How far a model is, `progress` from 0 to 1, and what is being done, in words. */
export interface ModelLoading {
  readonly model: string;
  readonly progress: number;
  readonly message: string;
}

/** What the routes work with. */
export interface GatewayParts {
  readonly models: ModelService;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits: GatewayLimits;
  readonly counters: GatewayCounters;
  readonly metrics: Metrics;
  readonly traces: TraceLog;
  readonly version: string;
  readonly access: Access;
  readonly operations: TextOperations;
  /** Responses to go on from. */
  readonly responses: ResponseStore;
  /** Left out: this agent fetches no models. */
  readonly puller: ModelPuller | undefined;
  /** Names of the nodes that hold the stages of a model, first to last; empty when all is here. */
  readonly stageNames: (model: string) => readonly string[];
  /** Models that are being loaded, here or on other nodes. */
  readonly loadingModels: () => readonly ModelLoading[];
  /** More to say in `/health`. */
  readonly healthDetails: () => object;
  /** What the agent was started for is loaded. */
  readonly isLoaded: () => boolean;
  /** The gateway has begun to stop. */
  readonly isStopping: () => boolean;
}
