import type { Clock, Logger, ModelService } from '@pippa/core';
import type { GatewayCounters } from './counters.ts';
import type { KeyCheck } from './http/api-key.ts';
import type { GatewayLimits } from './limits.ts';

/** What the routes work with. */
export interface GatewayParts {
  readonly models: ModelService;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits: GatewayLimits;
  readonly counters: GatewayCounters;
  readonly version: string;
  readonly hasKey: KeyCheck;
  /** More to say in `/health`. */
  readonly healthDetails: () => object;
}
