import { setFlagsFromString } from 'node:v8';

/** V8's own; `bin/pippa-agent.mjs` sets 1 while the agent starts. */
const GROWTH_FACTOR = 2;

/** New space may grow with the load from here on: an idle agent stays as small as it started. */
export function letNewSpaceGrow(): void {
  setFlagsFromString(`--semi-space-growth-factor=${GROWTH_FACTOR}`);
}
