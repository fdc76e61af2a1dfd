import { generateKeyPair, generateKeyPairFromSeed, privateKeyFromRaw } from '@libp2p/crypto/keys';
import type { Ed25519PrivateKey } from '@libp2p/interface';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { errorMessage, peerId, type PeerId } from '@pippa/core';
import { chmod, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshStateError } from '../errors.ts';
import { writePrivately } from './write-privately.ts';

/** Who a node is, for good: an Ed25519 key pair, whose public half is the peer id. */
export interface Identity {
  readonly peer: PeerId;
  readonly privateKey: Ed25519PrivateKey;
}

const FILE_NAME = 'identity.key';
/** Seed and public key, as libp2p writes Ed25519 keys. */
const RAW_KEY_BYTES = 64;

function identityOf(privateKey: Ed25519PrivateKey): Identity {
  return { peer: peerId(peerIdFromPrivateKey(privateKey).toString()), privateKey };
}

/** A fresh identity; with a 32-byte `seed` the same one again, for tests. */
export async function createIdentity(seed?: Uint8Array): Promise<Identity> {
  return identityOf(seed === undefined ? await generateKeyPair('Ed25519') : await generateKeyPairFromSeed('Ed25519', seed));
}

/** Reads the identity in `directory`, or makes one (mode 600). Throws `MeshStateError` for a file that is no key. */
export async function loadIdentity(directory: string): Promise<Identity> {
  const path = join(directory, FILE_NAME);
  let raw: Buffer;
  try {
    raw = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new MeshStateError(`The identity ${path} cannot be read: ${errorMessage(error)}.`, { cause: error });
    const identity = await createIdentity();
    await writePrivately(path, identity.privateKey.raw);
    return identity;
  }
  // Somebody copied the folder about with other rights.
  if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600);
  try {
    if (raw.length !== RAW_KEY_BYTES) throw new TypeError(`it has ${raw.length} bytes instead of ${RAW_KEY_BYTES}`);
    return identityOf(privateKeyFromRaw(raw) as Ed25519PrivateKey);
  } catch (error) {
    throw new MeshStateError(`The identity ${path} is damaged: ${errorMessage(error)}.`, {
      cause: error,
      hint: 'Move the file away; the agent makes a new one, and the node joins the mesh as a new one.',
    });
  }
}
