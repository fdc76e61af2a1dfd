import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openResponseStore, type ResponseStoreLimits, type StoredResponse } from '../src/index.ts';
import { FakeClock } from './support/fake-clock.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

const stored = (id: string, createdMs: number, owner = 'ada'): StoredResponse => ({
  id,
  owner,
  createdMs,
  previousId: undefined,
  input: [{ id: 'msg_1', type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hello' }] }],
  response: { id, output: [{ id: 'msg_2', type: 'message' }] },
});

const open = (limits: Partial<ResponseStoreLimits> = {}) => {
  const clock = new FakeClock();
  const store = openResponseStore({ path: ':memory:', clock, limits });
  onTestFinished(() => store.close());
  return { store, clock, put: (id: string, owner?: string) => store.put(stored(id, clock.wallMs(), owner)) };
};

describe('a response store', () => {
  it('gives back what was put in, to its owner alone', () => {
    const { store, put, clock } = open();
    put('a');
    expect(store.get('a', 'ada')).toEqual({ ...stored('a', clock.wallMs()), previousId: undefined });
    expect(store.get('a', 'bob')).toBeUndefined();
    expect(store.item('msg_1', 'ada')).toMatchObject({ role: 'user' });
    expect(store.item('msg_2', 'ada')).toEqual({ id: 'msg_2', type: 'message' });
    expect(store.item('msg_1', 'bob')).toBeUndefined();
    expect(store.delete('a', 'bob')).toBe(false);
    expect(store.delete('a', 'ada')).toBe(true);
    expect(store.get('a', 'ada')).toBeUndefined();
    expect(store.item('msg_1', 'ada')).toBeUndefined();
  });

  it('forgets the oldest when there are too many, or they are too large', () => {
    const few = open({ maxResponses: 3 });
    for (const id of ['a', 'b', 'c', 'd', 'e']) few.put(id);
    expect(['a', 'b', 'c', 'd', 'e'].filter((id) => few.store.get(id, 'ada') !== undefined)).toEqual(['c', 'd', 'e']);
    const size = Buffer.byteLength(JSON.stringify(stored('a', few.clock.wallMs())));
    const small = open({ maxBytes: 2 * size });
    for (const id of ['a', 'b', 'c']) small.put(id);
    expect(['a', 'b', 'c'].filter((id) => small.store.get(id, 'ada') !== undefined)).toEqual(['b', 'c']);
    const tiny = open({ maxBytes: size - 1 });
    tiny.put('a');
    expect(tiny.store.get('a', 'ada')).toBeUndefined();
  });

  it('forgets what is too old, whether or not something new comes', () => {
    const { store, put, clock } = open({ maxAgeMs: DAY_MS });
    put('a');
    clock.advance(DAY_MS - 1);
    expect(store.get('a', 'ada')).toBeDefined();
    put('b');
    clock.advance(1);
    expect(store.get('a', 'ada')).toBeUndefined();
    expect(store.get('b', 'ada')).toBeDefined();
  });

  it('keeps a file that only its owner reads, over a restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pippa-store-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, 'state', 'responses.sqlite');
    const clock = new FakeClock();
    const first = openResponseStore({ path, clock });
    first.put(stored('a', clock.wallMs()));
    expect((await stat(path)).mode & 0o077).toBe(0);
    expect((await stat(`${path}-wal`)).mode & 0o077).toBe(0);
    first.close();
    first.close();
    expect(first.get('a', 'ada')).toBeUndefined();
    const second = openResponseStore({ path, clock });
    onTestFinished(() => second.close());
    expect(second.get('a', 'ada')?.response.output).toHaveLength(1);
  });
});
