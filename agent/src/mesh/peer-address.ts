import { isIP } from 'node:net';
import { UsageError } from '../errors.ts';
import { DEFAULT_MESH_PORT } from '../settings/schema.ts';

/** `192.168.1.5`, `studio.local:11501`, `[fd00::2]:11501` or a multiaddr, as a multiaddr. Throws `UsageError`. */
export function peerAddress(text: string): string {
  if (text.startsWith('/')) return text;
  // Of several colons none can be a port's, unless the address stands in brackets.
  const bare = isIP(text) === 6 ? { host: text, port: undefined } : undefined;
  const { host, port } = bare ?? split(text);
  const number = port === undefined ? DEFAULT_MESH_PORT : Number(port);
  if (host === '' || /[\s/:]/.test(isIP(host) === 6 ? '' : host) || !Number.isInteger(number) || number < 1 || number > 65_535) {
    throw new UsageError(`--peer: "${text}" is no address.`, {
      hint: 'Give a host, host:port, or an address that `pippa-agent status --json` lists on a member.',
    });
  }
  const kind = isIP(host) === 6 ? 'ip6' : isIP(host) === 4 ? 'ip4' : 'dns';
  return `/${kind}/${host}/tcp/${number}`;
}

function split(text: string): { readonly host: string; readonly port: string | undefined } {
  const found = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text);
  return found === null ? { host: '', port: undefined } : { host: found[1] ?? found[2] ?? '', port: found[3] };
}
