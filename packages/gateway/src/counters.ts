/** What the gateway is doing and has done; for `/health`, metrics and tests that look for leaks. */
export interface GatewayCounters {
  openConnections: number;
  activeRequests: number;
  activeGenerations: number;
  bufferedBodyBytes: number;
  /** Since the start: */
  requests: number;
  generations: number;
  refusedConnections: number;
  disconnects: number;
  serverErrors: number;
}

export function createCounters(): GatewayCounters {
  return {
    openConnections: 0,
    activeRequests: 0,
    activeGenerations: 0,
    bufferedBodyBytes: 0,
    requests: 0,
    generations: 0,
    refusedConnections: 0,
    disconnects: 0,
    serverErrors: 0,
  };
}
