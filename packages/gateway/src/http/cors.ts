import type { MiddlewareHandler } from 'hono';
import { ForbiddenOriginError } from '../errors.ts';
import type { GatewayEnv } from './environment.ts';
import { hostnameOf, isLoopback } from './host-names.ts';

/** Schemes of installed desktop programs; no web page can have them. */
const PROGRAM_SCHEMES = new Set(['app:', 'tauri:', 'vscode-webview:', 'vscode-file:']);
const HEADER_LIST = /^[\w-]{1,64}(?:\s*,\s*[\w-]{1,64}){0,63}$/;
const DEFAULT_ALLOWED_HEADERS = 'authorization, content-type';
const PREFLIGHT_MAX_AGE_SECONDS = '600';

/**
 * Lets pages of this machine and of this very server in, and refuses all others: not only are they not shown the answer, their
 * request is not worked on. Requests without an origin pass (everything but browsers, and browsers that follow a link), except
 * for what a page of another site embeds.
 */
export function cors(allowedOrigins: readonly string[]): MiddlewareHandler<GatewayEnv> {
  const allowed = new Set(allowedOrigins);
  return async (context, next) => {
    const { incoming, outgoing } = context.env;
    const { origin } = incoming.headers;
    if (origin === undefined) {
      if (incoming.headers['sec-fetch-site'] === 'cross-site' && incoming.headers['sec-fetch-mode'] === 'no-cors') {
        throw new ForbiddenOriginError('A web page of another site embeds this address.', {
          hint: 'Let the page call it with fetch, and allow its origin in the configuration of the agent.',
        });
      }
      return next();
    }
    outgoing.setHeader('vary', 'Origin');
    if (!allowed.has(origin) && !allowed.has('*') && !isOwnOrigin(origin, incoming.headers.host)) {
      throw new ForbiddenOriginError(`Requests from web pages of ${JSON.stringify(origin.slice(0, 200))} are refused.`, {
        hint: 'Allow the origin in the configuration of the agent if the page is yours.',
      });
    }
    outgoing.setHeader('access-control-allow-origin', origin);
    outgoing.setHeader('access-control-expose-headers', 'x-request-id, request-id, retry-after, retry-after-ms');
    if (incoming.method !== 'OPTIONS' || incoming.headers['access-control-request-method'] === undefined) return next();

    const wanted = incoming.headers['access-control-request-headers'] ?? '';
    outgoing.setHeader('access-control-allow-methods', 'GET, POST, DELETE, OPTIONS');
    outgoing.setHeader('access-control-allow-headers', HEADER_LIST.test(wanted) ? wanted : DEFAULT_ALLOWED_HEADERS);
    outgoing.setHeader('access-control-max-age', PREFLIGHT_MAX_AGE_SECONDS);
    if (incoming.headers['access-control-request-private-network'] === 'true') {
      outgoing.setHeader('access-control-allow-private-network', 'true');
    }
    return context.body(null, 204);
  };
}

function isOwnOrigin(origin: string, host: string | undefined): boolean {
  const url = URL.parse(origin);
  if (url === null) return false;
  if (PROGRAM_SCHEMES.has(url.protocol)) return true;
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return false;
  const hostname = hostnameOf(url.host);
  return url.host === host?.toLowerCase() || (hostname !== undefined && isLoopback(hostname));
}
