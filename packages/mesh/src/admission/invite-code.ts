import { MESH_KEY_BYTES } from '@pippa/protocol';
import { createHash } from 'node:crypto';
import { InviteCodeError } from '../errors.ts';

/** Crockford's base 32: no letter is taken for a digit, none is left out when read aloud. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CHECKSUM_BITS = 12;
const CODE_CHARACTERS = (MESH_KEY_BYTES * 8 + CHECKSUM_BITS) / 5;
const GROUP = 4;
const SHAPE_HINT = 'A code looks like 7 groups of 4 letters and digits: take it from a member with `pippa-agent invite`.';

function checksum(key: Uint8Array): bigint {
  return BigInt(createHash('sha256').update('pippa invite 1').update(key).digest().readUInt16BE(0) >> (16 - CHECKSUM_BITS));
}

/** The mesh key as a person reads it to another: `K3QF-7XWM-...`, 28 characters, the last ones a checksum. */
export function inviteCode(key: Uint8Array): string {
  if (key.length !== MESH_KEY_BYTES) throw new InviteCodeError(`A mesh key has ${MESH_KEY_BYTES} bytes, not ${key.length}.`);
  let value = (BigInt(`0x${Buffer.from(key).toString('hex')}`) << BigInt(CHECKSUM_BITS)) | checksum(key);
  let text = '';
  for (let i = 0; i < CODE_CHARACTERS; i++) {
    text = (ALPHABET[Number(value & 31n)] ?? '') + text;
    value >>= 5n;
  }
  return (text.match(new RegExp(`.{${GROUP}}`, 'g')) ?? []).join('-');
}

/** The key of a code, in any case, with or without dashes; O, I and L pass for 0 and 1. Throws `InviteCodeError`. */
export function parseInviteCode(code: string): Uint8Array {
  const text = code.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  if (text.length !== CODE_CHARACTERS)
    throw new InviteCodeError(`The code has ${text.length} letters and digits instead of ${CODE_CHARACTERS}.`, {
      hint: SHAPE_HINT,
    });
  let value = 0n;
  for (const character of text) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) throw new InviteCodeError(`The code holds "${character}", which no code has.`, { hint: SHAPE_HINT });
    value = (value << 5n) | BigInt(digit);
  }
  const key = new Uint8Array(Buffer.from((value >> BigInt(CHECKSUM_BITS)).toString(16).padStart(MESH_KEY_BYTES * 2, '0'), 'hex'));
  if ((value & ((1n << BigInt(CHECKSUM_BITS)) - 1n)) !== checksum(key))
    throw new InviteCodeError('The code was mistyped: its checksum is wrong.', { hint: SHAPE_HINT });
  return key;
}
