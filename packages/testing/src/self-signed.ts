import { generateKeyPairSync, sign } from 'node:crypto';

/** DER tags (X.690). */
const TAG = { integer: 0x02, bits: 0x03, octets: 0x04, object: 0x06, text: 0x0c, time: 0x17, sequence: 0x30, set: 0x31 } as const;
/** A context tag that holds other values. */
const context = (index: number): number => 0xa0 | index;

const ECDSA_WITH_SHA256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const COMMON_NAME = [0x55, 0x04, 0x03];
const SUBJECT_ALT_NAME = [0x55, 0x1d, 0x11];
/** `[2] dNSName` of a general name. */
const DNS_NAME = 0x82;

function der(tag: number, ...parts: readonly (Uint8Array | readonly number[])[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

/** A certificate for a host name, signed with its own key: for tests that speak TLS with themselves. PEM texts. */
export function selfSigned(hostname = 'localhost'): { readonly certificate: string; readonly key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(TAG.sequence, der(TAG.object, ECDSA_WITH_SHA256));
  const name = der(
    TAG.sequence,
    der(TAG.set, der(TAG.sequence, der(TAG.object, COMMON_NAME), der(TAG.text, Buffer.from(hostname)))),
  );
  const time = (text: string): Buffer => der(TAG.time, Buffer.from(text));
  const names = der(TAG.sequence, der(DNS_NAME, Buffer.from(hostname)));
  const extension = der(TAG.sequence, der(TAG.object, SUBJECT_ALT_NAME), der(TAG.octets, names));
  const body = der(
    TAG.sequence,
    der(context(0), der(TAG.integer, [2])),
    der(TAG.integer, [1]),
    algorithm,
    name,
    der(TAG.sequence, time('200101000000Z'), time('491231235959Z')),
    name,
    publicKey.export({ format: 'der', type: 'spki' }),
    der(context(3), der(TAG.sequence, extension)),
  );
  const signature = der(TAG.bits, [0], sign('sha256', body, privateKey));
  const text = der(TAG.sequence, body, algorithm, signature).toString('base64').replaceAll(/.{64}/g, '$&\n');
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}
