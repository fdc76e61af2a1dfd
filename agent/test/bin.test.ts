import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { describe, expect, it } from 'vitest';

const bin = fileURLToPath(new URL('../bin/pippa-agent.mjs', import.meta.url));

/** Runs the bin with a Node that says it is another version. */
function asNode(version: string): { status: number | null; stdout: string; stderr: string } {
  const disguise = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`;
  const flags = ['--disable-warning=ExperimentalWarning', '--import', `data:text/javascript,${encodeURIComponent(disguise)}`];
  return spawnSync(process.execPath, [...flags, bin, '--version'], { encoding: 'utf8' });
}

describe('the bin', () => {
  it.each(['18.20.4', '20.20.2', '22.18.0'])('tells a Node %s what to do and exits with 1', (version) => {
    const { status, stdout, stderr } = asNode(version);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain(`needs Node.js 22.19 or newer; this is ${version}`);
    expect(stderr).toContain('npx -p node@22');
  });

  it.each(['22.19.0', '24.0.0'])('runs on a Node %s', (version) => {
    expect(asNode(version)).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: '' });
  });

  it('is plain enough for any Node that knows ES modules', async () => {
    // esbuild would rewrite what Node 14 cannot parse.
    const source = await readFile(bin, 'utf8');
    const options = { format: 'esm', platform: 'node' } as const;
    const [old, current] = await Promise.all(['node14.0', 'esnext'].map((target) => transform(source, { ...options, target })));
    expect(old?.code).toBe(current?.code);
  });
});
