import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkDirection } from '../direction/check.ts';
import { importedSpecifiers, packageOf } from '../direction/imports.ts';
import { readWorkspace } from '../direction/workspace.ts';

const CLEAN: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({ name: 'root', devDependencies: { vitest: '1.0.0' } }),
  'packages/core/package.json': JSON.stringify({ name: '@pippa/core' }),
  'packages/core/src/index.ts': `import { join } from 'node:path';\nexport { join };\n`,
  'packages/gguf/package.json': JSON.stringify({ name: '@pippa/gguf', dependencies: { '@pippa/core': '1.0.0' } }),
  'packages/gguf/src/index.ts': `export type { Clock } from '@pippa/core';\n`,
  'packages/llama/package.json': JSON.stringify({
    name: '@pippa/llama',
    dependencies: { '@pippa/gguf': '1.0.0', koffi: '3.0.0' },
  }),
  'packages/llama/src/index.ts': `import koffi from 'koffi';\nimport '@pippa/gguf';\nexport { koffi };\n`,
  'packages/llama/test/index.test.ts': `import { it } from 'vitest';\nimport '@pippa/testing';\nimport '../src/index.ts';\n`,
  'packages/ring/package.json': JSON.stringify({ name: '@pippa/ring' }),
  'packages/ring/src/index.ts': `export {};\n`,
  'packages/testing/package.json': JSON.stringify({ name: '@pippa/testing' }),
  'packages/testing/src/index.ts': `export {};\n`,
  'agent/package.json': JSON.stringify({
    name: 'pippa-agent',
    dependencies: { koffi: '3.0.0' },
    devDependencies: { '@pippa/llama': '1.0.0' },
  }),
  'agent/src/main.ts': `import '@pippa/llama';\n`,
};

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pippa-direction-'));
});
afterEach(() => rm(root, { recursive: true }));

async function breaches(planted: Readonly<Record<string, string>>): Promise<string[]> {
  for (const [path, text] of Object.entries({ ...CLEAN, ...planted })) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return checkDirection(await readWorkspace(root));
}

describe('the dependency-direction check', () => {
  it('passes a clean workspace', async () => {
    expect(await breaches({})).toEqual([]);
  });

  it.each<[what: string, planted: Record<string, string>, breach: RegExp]>([
    [
      'a package that imports a higher one',
      { 'packages/core/src/up.ts': `import type { A } from '@pippa/llama';\n` },
      /core\/src\/up\.ts: imports "@pippa\/llama", but "llama" lies above "core"/,
    ],
    [
      'a package that imports its sibling',
      { 'packages/ring/src/side.ts': `export * from '@pippa/llama';\n` },
      /ring\/src\/side\.ts: imports "@pippa\/llama", but "llama" is a sibling/,
    ],
    [
      'a sibling imported at run time',
      { 'packages/ring/src/late.ts': `const llama = await import('@pippa/llama');\n` },
      /"llama" is a sibling/,
    ],
    [
      'a test that reaches up',
      { 'packages/core/test/up.test.ts': `import '@pippa/ring';\n` },
      /core\/test\/up\.test\.ts: imports "@pippa\/ring"/,
    ],
    [
      'koffi outside llama',
      { 'packages/ring/src/ffi.ts': `import koffi from 'koffi';\n` },
      /ring\/src\/ffi\.ts: only packages\/llama imports "koffi"/,
    ],
    [
      'libp2p outside mesh',
      { 'agent/src/net.ts': `import { tcp } from '@libp2p/tcp';\n` },
      /agent\/src\/net\.ts: only packages\/mesh imports "@libp2p\/tcp"/,
    ],
    [
      'test support in the product',
      { 'packages/ring/src/fake.ts': `import { fakeClock } from '@pippa/testing';\n` },
      /"@pippa\/testing" is for tests only/,
    ],
    [
      'an import that package.json does not list',
      { 'packages/gguf/src/log.ts': `import pino from 'pino';\n` },
      /gguf\/src\/log\.ts: "pino" is missing in packages\/gguf\/package\.json/,
    ],
    [
      'a dependency that nothing imports',
      { 'packages/ring/package.json': JSON.stringify({ name: '@pippa/ring', dependencies: { '@pippa/core': '1.0.0' } }) },
      /ring\/package\.json: "@pippa\/core" is never imported/,
    ],
    [
      'a relative path into another package',
      { 'packages/llama/src/peek.ts': `import '../../gguf/src/index.ts';\n` },
      /llama\/src\/peek\.ts: "\.\.\/\.\.\/gguf\/src\/index\.ts" leaves the package/,
    ],
    [
      'an agent that would be published without what it bundles needs',
      { 'agent/package.json': JSON.stringify({ name: 'pippa-agent', devDependencies: { '@pippa/llama': '1.0.0' } }) },
      /agent\/package\.json: lacks "koffi": "3\.0\.0"/,
    ],
    [
      'a package that has no layer',
      { 'packages/extra/package.json': JSON.stringify({ name: '@pippa/extra' }) },
      /the package "extra" has no layer/,
    ],
  ])('finds %s', async (_what, planted, breach) => {
    const found = await breaches(planted);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(breach);
  });
});

describe('finding imports', () => {
  it('sees every form, over lines, and no comment', () => {
    const source = [
      `import a from 'one';`,
      `import {\n  b,\n  type C,\n} from "two";`,
      `export type { D } from 'three';`,
      `import 'four';`,
      `const e = await import('five');`,
      `// import f from 'six';`,
      `/* import g from 'seven'; */`,
    ].join('\n');
    expect(importedSpecifiers(source)).toEqual(['one', 'two', 'three', 'four', 'five']);
  });

  it('reads the package out of a specifier', () => {
    expect(['@hono/zod-openapi/x', 'pino/file', 'node:fs', 'fs', './a.ts', 'file:///a.js'].map(packageOf)).toEqual([
      '@hono/zod-openapi',
      'pino',
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
