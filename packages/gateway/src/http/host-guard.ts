import type { MiddlewareHandler } from 'hono';
import { ForbiddenHostError, InvalidRequestError } from '../errors.ts';
import type { GatewayEnv } from './environment.ts';
import { hostnameOf, isLocalName, isLoopbackAddress } from './host-names.ts';

/**
 * Refuses requests to a loopback address that name another host: a web page whose name was rebound to 127.0.0.1 is same-origin
 * for the browser, so only the name gives it away. An address open to the network is protected by the API key instead.
 */
export function hostGuard(boundHost: string, allowedHosts: readonly string[]): MiddlewareHandler<GatewayEnv> {
  const allowed = new Set([boundHost, ...allowedHosts].map((host) => host.toLowerCase()));
  const open = !isLoopbackAddress(boundHost);
  return async (context, next) => {
    const { incoming } = context.env;
    const hosts = incoming.headersDistinct['host'] ?? [];
    if (hosts.length > 1) throw new InvalidRequestError('The request has several Host headers.', { reason: 'invalid_host' });
    const [host] = hosts;
    if (host === undefined) {
      // HTTP/1.0 knows no Host header, and no browser sends it.
      if (incoming.httpVersionMinor !== 0)
        throw new InvalidRequestError('The request has no Host header.', { reason: 'invalid_host' });
      return next();
    }
    const hostname = hostnameOf(host);
    if (hostname === undefined) throw new InvalidRequestError('The Host header is malformed.', { reason: 'invalid_host' });
    if (open || isLocalName(hostname) || allowed.has(hostname)) return next();
    throw new ForbiddenHostError(`Requests for the host "${hostname}" are refused, because this agent serves this machine only.`, {
      hint: 'Use http://localhost, or allow the host name in the configuration of the agent.',
    });
  };
}
