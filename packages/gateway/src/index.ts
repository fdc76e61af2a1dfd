export { createGateway, DEFAULT_HOST } from './gateway.ts';
export type { Gateway, GatewayAddress, GatewayOptions } from './gateway.ts';
export type { GatewayCounters } from './counters.ts';
export { DEFAULT_GATEWAY_LIMITS } from './limits.ts';
export type { GatewayLimits } from './limits.ts';
export { ApiKeyRequiredError, ListenError, PortInUseError } from './errors.ts';
