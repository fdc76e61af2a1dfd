import { readFile } from 'node:fs/promises';
import { errorMessage } from '@pippa/core';
import type { TlsFiles } from '@pippa/gateway';
import { UsageError } from './errors.ts';
import type { Settings } from './settings/schema.ts';

/** The certificate and its key, when https is asked for. Throws `UsageError` when one of them is missing or cannot be read. */
export async function readTlsFiles({ tlsCert, tlsKey }: Pick<Settings, 'tlsCert' | 'tlsKey'>): Promise<TlsFiles | undefined> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    const [given, missing] = tlsCert === undefined ? ['--tls-key', '--tls-cert'] : ['--tls-cert', '--tls-key'];
    throw new UsageError(`${given} needs ${missing} beside it.`, {
      hint: 'https takes a certificate and its private key, both as PEM files.',
    });
  }
  return { certificate: await read(tlsCert, '--tls-cert'), key: await read(tlsKey, '--tls-key') };
}

async function read(path: string, flag: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`${flag}: the file ${path} cannot be read: ${errorMessage(cause)}.`, { cause });
  }
}
