import { isIPv4, isIPv6 } from 'node:net';

/** Names under which a container reaches its host's loopback; no public DNS can claim them. */
const CONTAINER_HOST_NAMES = new Set(['host.docker.internal', 'host.containers.internal', 'host.lima.internal']);

/** The host of a `Host` header or an origin without its port and brackets, in lower case; undefined when it is malformed. */
export function hostnameOf(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

/** An address or name that never leaves this machine. */
export function isLoopback(hostname: string): boolean {
  if (isIPv4(hostname)) return hostname.startsWith('127.');
  if (isIPv6(hostname)) return hostname === '::1' || hostname === '0:0:0:0:0:0:0:1';
  return hostname === 'localhost' || hostname.endsWith('.localhost');
}

/** Listening on it cannot be reached from another machine. Stricter than a name in a request: the system may look other names up. */
export function isLoopbackAddress(host: string): boolean {
  return host === 'localhost' || (host !== '' && isLoopback(host) && !host.endsWith('.localhost'));
}

/** Names that a request to a loopback address may carry. A rebound public name (DNS rebinding) is none of them. */
export function isLocalName(hostname: string): boolean {
  return isLoopback(hostname) || CONTAINER_HOST_NAMES.has(hostname);
}
