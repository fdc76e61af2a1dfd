import type { ComponentLogger, Logger } from '@libp2p/interface';

/**
 * libp2p makes a logger for every stream and connection and formats names for it, wanted or not: a tenth of what a stream costs. What
 * matters of its work is logged by this package.
 */
const silent: Logger = Object.assign(() => {}, {
  error() {},
  trace() {},
  enabled: false,
  newScope: (): Logger => silent,
});

export const quietLogger: ComponentLogger = { forComponent: () => silent };
