import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { MIB, silentLogger, systemClock, type Clock } from '@pippa/core';
import { HubServer } from '@pippa/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  explainProjector,
  parsePullReference,
  planPull,
  pullModel,
  type PulledModel,
  type PullOptions,
  type PullProgress,
} from '../src/index.ts';
import { Disk } from './support/disk.ts';

/** Pauses between attempts end at once. */
const hurried: Clock = {
  ...systemClock,
  schedule(_, callback) {
    const handle = setImmediate(callback);
    return () => clearImmediate(handle);
  },
};

let disk: Disk;
let hub: HubServer;
beforeEach(async () => {
  disk = await Disk.create();
  hub = await HubServer.start();
});
afterEach(async () => {
  await hub[Symbol.asyncDispose]();
  await disk[Symbol.asyncDispose]();
});

/** Begins like a model; three segments, the last one short. */
const BYTES = Buffer.concat([Buffer.from('GGUF'), randomBytes(34 * MIB)]);

function pull(
  reference: string,
  options: Partial<PullOptions> = {},
  environment: Record<string, string> = {},
): Promise<PulledModel> {
  return pullModel(reference, {
    directory: disk.path('own'),
    environment: { HF_ENDPOINT: hub.url, OLLAMA_REGISTRY: hub.url, ...environment },
    home: disk.root,
    clock: hurried,
    logger: silentLogger,
    signal: new AbortController().signal,
    ...options,
  });
}

/** Without what is kept beside files of what was stated of them. */
const left = async (folder: string): Promise<string[]> => {
  const names = await readdir(disk.path(folder)).catch((): string[] => []);
  return names.filter((name) => !/^\..*\.sha256$/.test(name)).toSorted((a, b) => a.localeCompare(b));
};

describe('what a reference means', () => {
  it.each([
    ['hf:org/repo', { kind: 'hub', owner: 'org', repository: 'repo', revision: 'main' }],
    ['org/repo:Q4_K_M', { kind: 'hub', owner: 'org', repository: 'repo', revision: 'main', quantisation: 'Q4_K_M' }],
    ['hf.co/org/repo:q8_0', { kind: 'hub', owner: 'org', repository: 'repo', revision: 'main', quantisation: 'q8_0' }],
    ['hf:org/repo/dir/a.gguf', { kind: 'hub', owner: 'org', repository: 'repo', revision: 'main', file: 'dir/a.gguf' }],
    ['hf:org/repo@v2:Q8_0', { kind: 'hub', owner: 'org', repository: 'repo', revision: 'v2', quantisation: 'Q8_0' }],
    [
      'https://huggingface.co/org/repo/resolve/abc/a.gguf?download=true',
      { kind: 'hub', owner: 'org', repository: 'repo', revision: 'abc', file: 'a.gguf' },
    ],
    ['https://huggingface.co/org/repo', { kind: 'hub', owner: 'org', repository: 'repo', revision: 'main' }],
    ['llama3.2:1b', { kind: 'ollama', namespace: 'library', model: 'llama3.2', tag: '1b' }],
    ['ollama:me/mine', { kind: 'ollama', namespace: 'me', model: 'mine', tag: 'latest' }],
    ['./a.gguf', { kind: 'path', path: './a.gguf' }],
    ['/models/a.gguf', { kind: 'path', path: '/models/a.gguf' }],
    ['https://example.com/x/a.gguf', { kind: 'url', url: new URL('https://example.com/x/a.gguf') }],
  ] as const)('%s', (text, meaning) => {
    expect(parsePullReference(text)).toEqual(meaning);
  });

  it.each([
    '',
    'hf:',
    'hf:org',
    'hf:org/repo/../../x.gguf',
    'hf:../repo',
    'a b c',
    'ollama:a/b/c',
    'https://user:secret@example.com/a.gguf',
    'hf:org/repo:',
  ])('refuses %j with examples or a reason', (text) => {
    expect(() => parsePullReference(text)).toThrow(expect.objectContaining({ name: 'BadReferenceError' }));
  });
});

describe('a projector for images', () => {
  const planOf = (reference: string): ReturnType<typeof planPull> =>
    planPull(reference, { environment: { HF_ENDPOINT: hub.url }, home: disk.root, signal: new AbortController().signal });

  it('is not got with its model but told of, and got when it is named', async () => {
    hub.addFile('org/Repo-GGUF', 'Repo-Q4_K_M.gguf', BYTES);
    hub.addFile('org/Repo-GGUF', 'mmproj-Repo-F32.gguf', Buffer.from('GGUF-larger'));
    hub.addFile('org/Repo-GGUF', 'mmproj-Repo-F16.gguf', Buffer.from('GGUFx'));
    const plan = await planOf('hf:org/Repo-GGUF');
    const reference = 'hf:org/Repo-GGUF/mmproj-Repo-F16.gguf';
    expect(plan.files.map(({ target }) => target)).toEqual(['org/Repo-GGUF/Repo-Q4_K_M.gguf']);
    expect(plan.projector).toEqual({ name: 'mmproj-Repo-F16.gguf', byteLength: 5, reference });
    expect(explainProjector(plan)).toContain(`pippa-agent pull ${reference}`);
    await pull(reference);
    expect(await left('own/org/Repo-GGUF')).toEqual(['mmproj-Repo-F16.gguf']);
  });
});

describe('a pull from the hub', () => {
  it('takes the usual quantisation, tells how far it is, and puts the file where the library finds it', async () => {
    hub.addFile('org/Repo-GGUF', 'Repo-Q8_0.gguf', Buffer.from('GGUFx'));
    hub.addFile('org/Repo-GGUF', 'Repo-Q4_K_M.gguf', BYTES);
    hub.addFile('org/Repo-GGUF', 'mmproj-Repo-F16.gguf', Buffer.from('GGUFx'));
    hub.addFile('org/Repo-GGUF', 'README.md', Buffer.from('x'));
    const seen: PullProgress[] = [];
    const pulled = await pull('hf:org/Repo-GGUF', { onProgress: (progress) => void seen.push(progress) });
    expect(pulled).toMatchObject({ name: 'Repo:Q4_K_M', bytes: BYTES.length, wasHere: false });
    expect((await readFile(disk.path('own/org/Repo-GGUF/Repo-Q4_K_M.gguf'))).equals(BYTES)).toBe(true);
    expect(await left('own/org/Repo-GGUF')).toEqual(['Repo-Q4_K_M.gguf']);
    // What the hub stated stays beside the file, as `sha256sum -c` takes it.
    const stated = await readFile(disk.path('own/org/Repo-GGUF/.Repo-Q4_K_M.gguf.sha256'), 'utf8');
    expect(stated).toBe(`${createHash('sha256').update(BYTES).digest('hex')}  Repo-Q4_K_M.gguf\n`);
    const done = seen.filter((progress) => progress.phase === 'downloading').map((progress) => progress.doneBytes);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toMatchObject({ phase: 'checking', doneBytes: BYTES.length, totalBytes: BYTES.length });
    // Several connections at once.
    const ranges = new Set(hub.log.map((entry) => entry.range).filter((range) => range !== undefined && range !== 'bytes=0-0'));
    expect(ranges).toEqual(new Set(['bytes=0-16777215', 'bytes=16777216-33554431', `bytes=33554432-${BYTES.length - 1}`]));
    // Again: nothing to do.
    const before = hub.bytesSent;
    expect(await pull('hf:org/Repo-GGUF:q4_k_m')).toMatchObject({ wasHere: true });
    expect(hub.bytesSent).toBe(before);
  });

  it('gets all parts of a split model', async () => {
    for (const part of [1, 2, 3])
      hub.addFile('org/Big-GGUF', `Q4_K_M/Big-Q4_K_M-0000${part}-of-00003.gguf`, Buffer.from(`GGUF part ${part}`));
    expect(await pull('org/Big-GGUF:Q4_K_M')).toMatchObject({ name: 'Big:Q4_K_M', paths: { length: 3 } });
    expect(await left('own/org/Big-GGUF')).toEqual([1, 2, 3].map((part) => `Big-Q4_K_M-0000${part}-of-00003.gguf`));
  });

  it('lists what there is when what was asked for is not', async () => {
    hub.addFile('org/Repo', 'a-Q5_K_S.gguf', Buffer.alloc(2048));
    hub.addFile('org/Repo', 'b-IQ1_S.gguf', Buffer.alloc(1024));
    await expect(pull('hf:org/Repo:Q5_K_M')).rejects.toMatchObject({
      name: 'NotOnHubError',
      message: expect.stringContaining('Did you mean Q5_K_S?'),
      hint: expect.stringMatching(/Q5_K_S \(2\.0 KB\), IQ1_S \(1\.0 KB\)/),
    });
    await expect(pull('hf:org/Repo')).rejects.toMatchObject({ name: 'NotOnHubError', hint: expect.stringContaining('Name one') });
    await expect(pull('hf:org/Repo/c.gguf')).rejects.toMatchObject({ name: 'NotOnHubError' });
    await expect(pull('hf:nobody/nothing')).rejects.toMatchObject({
      name: 'NotOnHubError',
      hint: expect.stringContaining('spelling'),
    });
  });

  it('proves itself with a token where one is asked for, and to nobody else', async () => {
    hub.addFile('org/Gated', 'g-Q4_0.gguf', Buffer.from('GGUF secret'));
    hub.gated.set('org/Gated', 'hf_right');
    await expect(pull('hf:org/Gated')).rejects.toMatchObject({
      name: 'GatedModelError',
      hint: expect.stringContaining('HF_TOKEN'),
    });
    await expect(pull('hf:org/Gated', {}, { HF_TOKEN: 'hf_wrong' })).rejects.toMatchObject({ name: 'GatedModelError' });
    await disk.text('.cache/huggingface/token', 'hf_right\n');
    await pull('hf:org/Gated');
    expect(await readFile(disk.path('own/org/Gated/g-Q4_0.gguf'), 'utf8')).toBe('GGUF secret');
    const elsewhere = hub.log.filter((entry) => entry.line.includes('/cdn/'));
    expect(elsewhere.length).toBeGreaterThan(0);
    expect(elsewhere.map((entry) => entry.authorization)).toEqual(elsewhere.map(() => undefined));
  });
});

describe('a pull that meets trouble', () => {
  beforeEach(() => void hub.addFile('org/Repo', 'm-Q4_0.gguf', BYTES));
  const target = (): string => disk.path('own/org/Repo/m-Q4_0.gguf');

  it.each([
    ['cut connections', (request: number) => (request % 2 === 0 ? ({ kind: 'cut', afterBytes: 5 * MIB } as const) : undefined)],
    ['another range than it asked for', (request: number) => (request < 2 ? ({ kind: 'wrong-range' } as const) : undefined)],
    ['a busy server', (request: number) => (request < 3 ? ({ kind: 'status', status: 503 } as const) : undefined)],
    [
      'a server that asks to wait',
      (request: number) => (request < 3 ? ({ kind: 'status', status: 429, retryAfter: 2 } as const) : undefined),
    ],
    ['a server without ranges', () => ({ kind: 'no-ranges' }) as const],
  ])('comes through %s', async (_what, fault) => {
    hub.fault = fault;
    await pull('hf:org/Repo');
    expect((await readFile(target())).equals(BYTES)).toBe(true);
    expect(await left('own/org/Repo')).toEqual(['m-Q4_0.gguf']);
  });

  it('keeps the part of a failed download and goes on with it', async () => {
    hub.fault = (request) => (request < 4 ? { kind: 'cut', afterBytes: 2 * MIB } : { kind: 'status', status: 500 });
    await expect(pull('hf:org/Repo')).rejects.toMatchObject({
      name: 'DownloadFailedError',
      hint: expect.stringContaining('goes on where it stopped'),
    });
    expect(await left('own/org/Repo')).toEqual(['m-Q4_0.gguf.part', 'm-Q4_0.gguf.part.json']);
    const before = hub.bytesSent;
    hub.fault = () => undefined;
    const plans: number[] = [];
    await pull('hf:org/Repo', { onPlan: (_, facts) => void plans.push(facts.hereBytes) });
    expect((await readFile(target())).equals(BYTES)).toBe(true);
    expect(plans[0]).toBeGreaterThan(0);
    expect(hub.bytesSent - before).toBe(BYTES.length + 1 - (plans[0] ?? 0));
  });

  it('goes on after it was interrupted', async () => {
    const controller = new AbortController();
    const reason = new Error('Ctrl-C');
    const onProgress = ({ doneBytes }: PullProgress): void => void (doneBytes > 8 * MIB && controller.abort(reason));
    await expect(pull('hf:org/Repo', { signal: controller.signal, onProgress })).rejects.toBe(reason);
    const plans: number[] = [];
    await pull('hf:org/Repo', { onPlan: (_, facts) => void plans.push(facts.hereBytes) });
    expect(plans[0]).toBeGreaterThan(8 * MIB);
    expect((await readFile(target())).equals(BYTES)).toBe(true);
  });

  it('does not get one file twice at once', async () => {
    const second = Promise.withResolvers<PulledModel>();
    let isTried = false;
    const first = pull('hf:org/Repo', {
      onProgress: ({ doneBytes }) => {
        if (isTried || doneBytes === 0) return;
        isTried = true;
        pull('hf:org/Repo').then(second.resolve, second.reject);
      },
    });
    await expect(second.promise).rejects.toMatchObject({ name: 'AlreadyPullingError' });
    await first;
    expect((await readFile(target())).equals(BYTES)).toBe(true);
    expect(await left('own/org/Repo')).toEqual(['m-Q4_0.gguf']);
  });

  it('takes no notice of the lock of a process that is gone', async () => {
    await disk.text('own/org/Repo/m-Q4_0.gguf.part.lock', '999999999');
    await pull('hf:org/Repo');
    expect(await left('own/org/Repo')).toEqual(['m-Q4_0.gguf']);
  });

  it('refuses bytes that are not those the hub states, and keeps none of them', async () => {
    hub.fault = (request) => (request === 1 ? { kind: 'wrong-bytes' } : undefined);
    await expect(pull('hf:org/Repo')).rejects.toMatchObject({ name: 'WrongHashError' });
    expect(await left('own/org/Repo')).toEqual([]);
    await pull('hf:org/Repo');
    expect((await readFile(target())).equals(BYTES)).toBe(true);
  });

  it('takes nothing of another version of the file for a part', async () => {
    hub.fault = (_, range) => (range?.startsWith('bytes=33554432') === true ? { kind: 'status', status: 500 } : undefined);
    await expect(pull('hf:org/Repo')).rejects.toThrow();
    const other = Buffer.concat([Buffer.from('GGUF'), randomBytes(34 * MIB)]);
    hub.addFile('org/Repo', 'm-Q4_0.gguf', other);
    hub.fault = () => undefined;
    await pull('hf:org/Repo');
    expect((await readFile(target())).equals(other)).toBe(true);
  });

  it('gives up on a server that wants it to wait for hours', async () => {
    hub.fault = () => ({ kind: 'status', status: 429, retryAfter: 7200 });
    await expect(pull('hf:org/Repo')).rejects.toMatchObject({ name: 'DownloadFailedError' });
  });

  it('says so when nobody answers', async () => {
    await expect(pull('hf:org/Repo', {}, { HF_ENDPOINT: 'http://127.0.0.1:1' })).rejects.toMatchObject({
      name: 'DownloadFailedError',
      hint: expect.stringContaining('network'),
    });
  });
});

describe("a pull from Ollama's registry", () => {
  it('gets the weights under their name', async () => {
    hub.addTag('library/llama3.2:1b', Buffer.from('GGUF llama'));
    hub.addTag('me/mine:latest', Buffer.from('GGUF mine'));
    expect(await pull('llama3.2:1b')).toMatchObject({ name: 'llama3.2:1b' });
    expect(await readFile(disk.path('own/ollama/llama3.2/1b.gguf'), 'utf8')).toBe('GGUF llama');
    expect(await pull('ollama:me/mine')).toMatchObject({ name: 'me/mine:latest' });
    await expect(pull('llama9:1b')).rejects.toMatchObject({ name: 'NotOnHubError', hint: expect.stringContaining('ollama.com') });
  });
});

describe('a pull from an address or a folder', () => {
  it('gets a file that no hub vouches for, if it begins like a model', async () => {
    const good = hub.addFile('x/y', 'good.gguf', Buffer.from('GGUF good'));
    expect(await pull(`${hub.url}/x/y/resolve/main/good.gguf`)).toMatchObject({ name: 'good', bytes: good.bytes.length });
    expect(await readFile(disk.path('own/good.gguf'), 'utf8')).toBe('GGUF good');
    hub.addFile('x/y', 'page.gguf', Buffer.from('<html>'));
    await expect(pull(`${hub.url}/x/y/resolve/main/page.gguf`)).rejects.toMatchObject({ name: 'WrongHashError' });
    await expect(pull(`${hub.url}/x/y/resolve/main/none.gguf`)).rejects.toMatchObject({ name: 'NotOnHubError' });
    expect(await left('own')).toEqual(['good.gguf']);
  });

  it('copies a model of this machine, and nothing that is none', async () => {
    const path = await disk.model('elsewhere/mine-Q8_0.gguf');
    expect(await pull(path)).toMatchObject({ name: 'mine:Q8_0', wasHere: false });
    expect((await readFile(disk.path('own/mine-Q8_0.gguf'))).equals(await readFile(path))).toBe(true);
    expect(await pull(path)).toMatchObject({ wasHere: true });
    await expect(pull(await disk.text('elsewhere/letter.gguf', 'Dear reader'))).rejects.toMatchObject({ name: 'NotGgufError' });
  });

  it('refuses what the disk has no room for before the first byte', async () => {
    const server = createServer((_, response) => {
      response.writeHead(206, { 'content-range': 'bytes 0-0/900000000000000', 'content-length': '900000000000000' }).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await expect(pull(`http://127.0.0.1:${port}/huge.gguf`)).rejects.toMatchObject({ name: 'NotEnoughDiskError' });
    await expect(stat(disk.path('own/huge.gguf.part'))).rejects.toThrow('ENOENT');
    server.closeAllConnections();
    server.close();
  });
});

describe('a proxy in the environment', () => {
  it('is asked instead of the hub', async () => {
    hub.addFile('org/Repo', 'm-Q4_0.gguf', Buffer.from('GGUF by proxy'));
    const passed: string[] = [];
    const proxy = createServer((incoming, response) => {
      const url = new URL(incoming.url ?? '');
      passed.push(url.host);
      const onward = request(
        { host: '127.0.0.1', port: hub.port, path: url.pathname + url.search, headers: incoming.headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
        },
      );
      onward.end();
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    const environment = { HF_ENDPOINT: 'http://hub.invalid', http_proxy: `http://127.0.0.1:${port}`, NO_PROXY: 'localhost' };
    await pull('hf:org/Repo', {}, environment);
    expect(await readFile(disk.path('own/org/Repo/m-Q4_0.gguf'), 'utf8')).toBe('GGUF by proxy');
    expect(new Set(passed)).toEqual(new Set(['hub.invalid']));
    proxy.closeAllConnections();
    proxy.close();
  });
});
