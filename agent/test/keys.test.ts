import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, type Logger } from '@pippa/core';
import { selfSigned } from '@pippa/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withCommandKey } from '../src/access/agent-keys.ts';
import { LiveKeys } from '../src/access/live-keys.ts';
import { send } from '../src/remote/send.ts';
import { runCommand } from './support/run-command.ts';
import { startSmallGateway } from './support/small-gateway.ts';

let state: string;
let path: string;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'pippa-keys-'));
  path = join(state, 'keys.json');
});
afterEach(() => rm(state, { recursive: true }));

const keys = (...words: string[]) => runCommand(['keys', ...words, '--state-dir', state]);

describe('pippa-agent keys', () => {
  it('makes a key, prints it once, and keeps its hash where nobody else reads', async () => {
    const added = await keys('add', 'laptop of Ada', '--rate', '60/min', '--concurrency', '4');
    expect(added.code).toBe(0);
    expect(added.out).toMatch(/^pippa_[\w-]{43}\n$/);
    expect(added.error).toMatch(/shown this once/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).not.toContain(added.out.trim().slice(6));
    const list = await keys('list');
    expect(list.out).toMatch(
      /^ID +NAME +SCOPE +RATE +AT ONCE +MADE\n[0-9a-f]{12} +laptop of Ada +inference +60\/min +4 +\d{4}-\d\d-\d\d\n$/,
    );
    const json = await keys('list', '--json');
    expect(JSON.parse(json.out)).toEqual([expect.objectContaining({ name: 'laptop of Ada', rate: { count: 60, perSeconds: 60 } })]);
    expect(json.out).not.toContain('sha256');
  });

  it('revokes by name or id', async () => {
    await keys('add', 'a');
    await keys('add', 'b', '--scope', 'admin');
    const [, b] = JSON.parse((await keys('list', '--json')).out) as { id: string }[];
    expect((await keys('revoke', 'a')).code).toBe(0);
    expect((await keys('revoke', b?.id ?? '')).code).toBe(0);
    expect((await keys('list')).out).toMatch(/^No keys\./);
  });

  it.each<[what: string, words: string[], error: RegExp]>([
    ['a name that is taken', ['add', 'taken'], /a key named "taken" already.\nRevoke it first/],
    ['a name that is none', ['add', '../x'], /cannot be the name of a key/],
    ["the agent's own name", ['add', 'api-key'], /cannot be the name/],
    ['an unknown scope', ['add', 'x', '--scope', 'root'], /--scope: "root" is not inference or admin/],
    ['a rate that is none', ['add', 'x', '--rate', 'often'], /--rate: "often" is not .* 60\/min/],
    ['no concurrency', ['add', 'x', '--concurrency', '0'], /--concurrency: "0"/],
    ['an unknown key', ['revoke', 'takne'], /no key "takne"\. Did you mean taken\?/],
    ['no name', ['add'], /missing required argument 'name'/],
  ])('exits with 2 for %s', async (_what, words, error) => {
    await keys('add', 'taken');
    const ended = await keys(...words);
    expect(ended).toMatchObject({ code: 2, out: '' });
    expect(ended.error).toMatch(error);
  });

  it('says what is wrong with a damaged file instead of replacing it', async () => {
    await writeFile(path, '{"version":1,"keys":[{}]}');
    const ended = await keys('add', 'x');
    expect(ended).toMatchObject({ code: 1, error: expect.stringMatching(/keys\.json, cannot be used: keys\.0\.id/) });
    expect(await readFile(path, 'utf8')).toBe('{"version":1,"keys":[{}]}');
  });
});

describe('a running agent', () => {
  it('takes keys that are made and refuses those that are revoked while it runs', async () => {
    const live = new LiveKeys(path, silentLogger);
    const { url } = await startSmallGateway({ apiKey: 'of the settings', keys: live });
    const status = async (secret: string): Promise<number> =>
      (await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${secret}` } })).status;
    expect(live.hasKeys()).toBe(false);
    const secret = (await keys('add', 'laptop')).out.trim();
    expect(live.hasKeys()).toBe(true);
    expect(await status(secret)).toBe(200);
    expect(await status(`${secret}x`)).toBe(401);
    await keys('revoke', 'laptop');
    expect(await status(secret)).toBe(401);
  });

  it('goes on with the keys it knows when the file is damaged, and says so once', async () => {
    const errors: object[] = [];
    const logger: Logger = { ...silentLogger, error: (fields) => void errors.push(fields) };
    const secret = (await keys('add', 'laptop', '--scope', 'admin', '--rate', '5/s')).out.trim();
    const live = new LiveKeys(path, logger);
    expect(live.find(secret)).toMatchObject({ name: 'laptop', scope: 'admin', rate: { count: 5, perSeconds: 1 } });
    await writeFile(path, 'not json');
    expect(live.find(secret)).toMatchObject({ name: 'laptop' });
    expect(live.find('other')).toBeUndefined();
    expect(errors).toHaveLength(1);
  });

  it('gives commands of this user a key of their own that does not open it to the network', () => {
    const access = withCommandKey(new LiveKeys(path, silentLogger));
    expect(access.keys.find(access.secret)).toMatchObject({ scope: 'admin' });
    expect(access.keys.find('other')).toBeUndefined();
    expect(access.keys.hasKeys()).toBe(false);
  });
});

describe('an agent that serves https', () => {
  const signal = new AbortController().signal;

  it('is reached with its own certificate pinned, and with no other', async () => {
    const tls = selfSigned('somewhere.example');
    const { url } = await startSmallGateway({ tls });
    expect(url).toMatch(/^https:/);
    const answer = await send({ url, certificate: tls.certificate }, '/health', {}, signal);
    expect(JSON.parse(await answer.text())).toMatchObject({ status: 'ok' });
    await expect(send({ url }, '/health', {}, signal)).rejects.toThrow();
    await expect(send({ url, certificate: selfSigned('somewhere.example').certificate }, '/health', {}, signal)).rejects.toThrow();
  });

  it('wants both files, and readable ones', async () => {
    const serve = (...words: string[]) => runCommand(['--model', 'none', '--port', '0', '--state-dir', state, ...words]);
    expect(await serve('--tls-cert', 'a.pem')).toMatchObject({
      code: 2,
      error: expect.stringMatching(/--tls-cert needs --tls-key/),
    });
    const missing = await serve('--tls-cert', join(state, 'a.pem'), '--tls-key', join(state, 'b.pem'));
    expect(missing).toMatchObject({ code: 2, error: expect.stringMatching(/--tls-cert: the file .*a\.pem cannot be read/) });
    await writeFile(join(state, 'a.pem'), 'no certificate');
    await writeFile(join(state, 'b.pem'), selfSigned().key);
    const wrong = await serve('--tls-cert', join(state, 'a.pem'), '--tls-key', join(state, 'b.pem'));
    expect(wrong).toMatchObject({ code: 1, error: expect.stringMatching(/cannot be used.*\nBoth files must be PEM/) });
  });
});
