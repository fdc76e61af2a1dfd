import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settingsTable } from '../../agent/src/settings/texts.ts';
import { repository, serveAgent, type ServingAgent } from './support/agent-process.ts';

const readme = await readFile(join(repository, 'README.md'), 'utf8');
/** `<!-- run, prints: PATTERN -->` before a fenced block: the block is run and must print that. */
const EXAMPLE = /<!-- run, prints: (.+?) -->\n```(\w+)\n([\s\S]*?)```/g;
const examples = [...readme.matchAll(EXAMPLE)].map(([, pattern = '', language = '', code = '']) => ({ pattern, language, code }));

let agent: ServingAgent;
let directory: string;
beforeAll(async () => {
  agent = await serveAgent();
  directory = await mkdtemp(join(tmpdir(), 'pippa-readme-'));
  // `npx pippa-agent` before it is published: the same program, from this repository.
  const npx = join(directory, 'npx');
  await writeFile(
    npx,
    `#!/bin/sh\nshift\nexec "${process.execPath}" --disable-warning=ExperimentalWarning "${join(repository, 'agent/bin/pippa-agent.mjs')}" "$@"\n`,
  );
  await chmod(npx, 0o755);
});
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** The README's address is the default one; the test's agent listens elsewhere. */
async function run({
  language,
  code,
}: {
  readonly language: string;
  readonly code: string;
}): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const text = code.replaceAll(':11500', `:${agent.port}`);
  const [file, words] = language === 'js' ? [process.execPath, ['--input-type=module', '-e', text]] : ['bash', ['-euc', text]];
  const environment = {
    ...process.env,
    PATH: `${directory}${delimiter}${process.env['PATH']}`,
    HOME: directory,
    PIPPA_MESH: 'off',
    PIPPA_PORT: String(agent.port),
  };
  const child = spawn(file, words, { cwd: repository, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => void (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => void (output.stderr += chunk.toString()));
  const [status]: unknown[] = await once(child, 'close');
  return { code: status, ...output };
}

describe('the README', () => {
  it('has examples to run', () => {
    expect(examples.length).toBeGreaterThanOrEqual(4);
  });

  it.each(examples.map((example) => [example.code.trim().split('\n')[0] ?? '', example] as const))(
    'shows what works: %s',
    async (_line, example) => {
      const ran = await run(example);
      expect(ran, ran.stderr).toMatchObject({ code: 0 });
      expect(ran.stdout).toMatch(new RegExp(example.pattern));
    },
  );

  it('lists the settings that there are (node scripts/readme-settings.ts writes them)', () => {
    expect(readme).toContain(settingsTable());
  });
});
