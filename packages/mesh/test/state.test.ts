import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { foundMesh, InviteCodeError, inviteCode, MeshStateError, openMeshState, parseInviteCode } from '../src/index.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-mesh-'));
});
afterEach(async () => rm(directory, { recursive: true }));

async function modeOf(file: string): Promise<number> {
  return (await stat(join(directory, file))).mode & 0o777;
}

describe('the state of a node', () => {
  it('is the same after a restart, and nobody else can read it', async () => {
    const first = await openMeshState(join(directory));
    expect(first.membership).toBeUndefined();
    const membership = { ...foundMesh(), members: [{ peer: first.identity.peer, addresses: ['/ip4/10.0.0.1/tcp/1'] }] };
    await first.save(membership);
    expect([await modeOf('identity.key'), await modeOf('mesh.json')]).toEqual([0o600, 0o600]);
    const second = await openMeshState(directory);
    expect(second.identity.peer).toBe(first.identity.peer);
    expect(second.membership).toEqual(membership);
    await second.save(undefined);
    expect((await openMeshState(directory)).membership).toBeUndefined();
  });

  it('is what was saved last, whatever was saved before it', async () => {
    const state = await openMeshState(directory);
    const all = Array.from({ length: 20 }, () => foundMesh());
    await Promise.all(all.map(async (membership) => state.save(membership)));
    expect((await openMeshState(directory)).membership).toEqual(all.at(-1));
  });

  it('loses the rights that others had by mistake', async () => {
    await openMeshState(directory);
    await chmod(join(directory, 'identity.key'), 0o644);
    await openMeshState(directory);
    expect(await modeOf('identity.key')).toBe(0o600);
  });

  it('that is damaged is named, not replaced', async () => {
    await openMeshState(directory);
    await writeFile(join(directory, 'identity.key'), 'short');
    await expect(openMeshState(directory)).rejects.toBeInstanceOf(MeshStateError);
    expect(await readFile(join(directory, 'identity.key'), 'utf8')).toBe('short');
    await rm(join(directory, 'identity.key'));
    await writeFile(join(directory, 'mesh.json'), '{"key":"zz"}');
    await expect(openMeshState(directory)).rejects.toMatchObject({
      name: 'MeshStateError',
      hint: expect.stringContaining('invite') as unknown,
    });
  });
});

describe('an invite code', () => {
  const key = fc.uint8Array({ minLength: 16, maxLength: 16 });

  it('says the key, in any case and however it is spaced', () => {
    fc.assert(
      fc.property(key, (bytes) => {
        const code = inviteCode(bytes);
        expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}$/);
        expect(parseInviteCode(code)).toEqual(bytes);
        expect(parseInviteCode(` ${code.toLowerCase().replaceAll('-', '').replaceAll('0', 'o').replaceAll('1', 'l')} `)).toEqual(
          bytes,
        );
      }),
    );
  });

  it('with a slip is refused', () => {
    fc.assert(
      fc.property(key, fc.nat(27), fc.nat(30), (bytes, at, by) => {
        const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
        const letters = inviteCode(bytes).replaceAll('-', '').split('');
        letters[at] = alphabet[(alphabet.indexOf(letters[at] ?? '0') + 1 + by) % 32] ?? '0';
        const swapped = letters.join('');
        // 12 bits of checksum let one slip in 4,096 pass; the mesh then refuses the key.
        let parsed: Uint8Array | undefined;
        try {
          parsed = parseInviteCode(swapped);
        } catch (error) {
          expect(error).toBeInstanceOf(InviteCodeError);
        }
        expect(parsed).not.toEqual(bytes);
      }),
    );
    for (const wrong of ['', 'ABCD', 'U'.repeat(28), '!'.repeat(28)]) expect(() => parseInviteCode(wrong)).toThrow(InviteCodeError);
  });
});
