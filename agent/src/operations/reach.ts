import { z } from 'zod';
import { operation } from '../control/contract.ts';

/** How commands of this user reach the agent's HTTP API, whatever it is started with. */
export const reachOperation = operation(
  'reach',
  z.strictObject({}),
  z.object({
    /** Missing until it listens. */
    url: z.string().optional(),
    /** A key for this run of the agent. */
    apiKey: z.string(),
    /** Of an agent that serves https, as PEM: to be trusted as it is. */
    certificate: z.string().optional(),
  }),
);
