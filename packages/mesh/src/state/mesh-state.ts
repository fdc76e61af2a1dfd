import { errorMessage } from '@pippa/core';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshStateError } from '../errors.ts';
import { createIdentity, loadIdentity, type Identity } from './identity.ts';
import { membershipFile, membershipText, type Membership } from './membership.ts';
import { writePrivately } from './write-privately.ts';

/** What a node is over restarts. */
export interface MeshState {
  readonly identity: Identity;
  /** Undefined before the node founded or joined a mesh. */
  readonly membership: Membership | undefined;
  /** Undefined forgets the mesh. */
  save(membership: Membership | undefined): Promise<void>;
}

const FILE_NAME = 'mesh.json';

/** The state in a folder: `identity.key` and `mesh.json`, both mode 600. Throws `MeshStateError`. */
export async function openMeshState(directory: string): Promise<MeshState> {
  const path = join(directory, FILE_NAME);
  const identity = await loadIdentity(directory);
  let membership = await readMembership(path);
  let writing = Promise.resolve();
  return {
    identity,
    get membership() {
      return membership;
    },
    async save(next) {
      membership = next;
      // One after the other: the last one written is the last one given.
      const before = writing;
      writing = (async () => {
        await before.catch(() => {});
        await (next === undefined ? rm(path, { force: true }) : writePrivately(path, membershipText(next)));
      })();
      await writing;
    },
  };
}

async function readMembership(path: string): Promise<Membership | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new MeshStateError(`The mesh key ${path} cannot be read: ${errorMessage(error)}.`, { cause: error });
  }
  try {
    return membershipFile.parse(JSON.parse(text));
  } catch (error) {
    throw new MeshStateError(`${path} is damaged.`, {
      cause: error,
      hint: 'Move the file away and join the mesh again with a code from another node (pippa-agent invite).',
    });
  }
}

/** State that ends with the process: tests, and nodes that leave no trace. */
export async function memoryMeshState(
  options: { readonly membership?: Membership; readonly seed?: Uint8Array; readonly identity?: Identity } = {},
): Promise<MeshState> {
  const identity = options.identity ?? (await createIdentity(options.seed));
  let { membership } = options;
  return {
    identity,
    get membership() {
      return membership;
    },
    async save(next) {
      membership = next;
    },
  };
}
