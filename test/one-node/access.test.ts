import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selfSigned } from '@pippa/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCommand, serveAgent } from './support/agent-process.ts';

let state: string;
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'pippa-access-'));
});
afterAll(() => rm(state, { recursive: true }));

it('an agent open to the network serves those with a key, over https, and its own user without one', async () => {
  const own = ['--state-dir', state];
  const tls = selfSigned();
  const [certificate, key] = [join(state, 'tls.crt'), join(state, 'tls.key')];
  await writeFile(certificate, tls.certificate);
  await writeFile(key, tls.key);
  const open = ['--model', 'none', '--host', '0.0.0.0', '--tls-cert', certificate, '--tls-key', key, ...own];

  const refused = await runCommand([...open, '--port', '0']);
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/no API key is set\.\nMake one with `pippa-agent keys add/),
  });

  const added = await runCommand(['keys', 'add', 'laptop', ...own]);
  await using agent = await serveAgent(open);
  expect(agent.banner).toContain(`https://127.0.0.1:${agent.port}`);
  // A client that trusts whatever it meets, as one that was told of the certificate.
  const list = (secret: string) =>
    runCommand(['-e', askOverHttps, String(agent.port), secret], { command: { file: process.execPath, words: [] } });
  expect((await list(added.stdout.trim())).stdout).toBe('200');
  expect((await list('nothing')).stdout).toBe('401');

  const traces = await runCommand(['trace', ...own]);
  expect(traces).toMatchObject({ code: 0, stdout: 'No requests yet.\n' });
  await runCommand(['keys', 'revoke', 'laptop', ...own]);
  expect((await list(added.stdout.trim())).stdout).toBe('401');
});

const askOverHttps = `
  const [port, secret] = process.argv.slice(1);
  const options = { port, path: '/v1/models', rejectUnauthorized: false, headers: { 'x-api-key': secret } };
  require('node:https').get(options, (response) => process.stdout.write(String(response.statusCode), () => process.exit()));
`;
