import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';

/** Most keys of one agent: far over what a house needs, and the file is read whole. */
export const MAX_KEYS = 1000;
const KEY_BYTES = 32;
const KEY_PREFIX = 'pippa_';

export const keyName = z.string().regex(/^\w[\w .@-]{0,63}$/);

/** One key as it is kept. */
export const keyRecord = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{12}$/),
  name: keyName,
  scope: z.enum(['inference', 'admin']),
  /** Of the whole key, hexadecimal. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Wall-clock milliseconds since 1970. */
  createdMs: z.number().min(0),
  rate: z.strictObject({ count: z.int().min(1), perSeconds: z.number().positive() }).optional(),
  concurrency: z.int().min(1).optional(),
});
export type KeyRecord = z.output<typeof keyRecord>;

export const keyFileContent = z.strictObject({ version: z.literal(1), keys: z.array(keyRecord).max(MAX_KEYS) });

/**
 * A new key and what is kept of it. 256 random bits cannot be guessed or looked up in a table, so a plain SHA-256 hides them as well as
 * scrypt would; what is made slow against guessing passwords would here only make every request slow.
 */
export function newKey(about: Omit<KeyRecord, 'id' | 'sha256'>): { readonly secret: string; readonly record: KeyRecord } {
  const secret = KEY_PREFIX + randomBytes(KEY_BYTES).toString('base64url');
  const sha256 = keyDigest(secret);
  return { secret, record: { ...about, id: sha256.slice(0, 12), sha256 } };
}

export const keyDigest = (secret: string): string => createHash('sha256').update(secret).digest('hex');
