/**
 * Bundles the agent for publishing: `npm run build`. The workspace's packages go into `agent/dist`, what comes from npm stays outside
 * and is installed with the agent.
 */
import { copyFile, glob, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { packageOf } from './direction/imports.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const outdir = join(root, 'agent/dist');

/** Everything that is imported by a package's name, but for the workspace's own. */
const npmPackagesStayOutside: Plugin = {
  name: 'npm-packages-stay-outside',
  setup(bundler) {
    bundler.onResolve({ filter: /^[^./]/ }, ({ path }) => {
      const name = packageOf(path);
      return name === undefined || name.startsWith('@pippa/') || path.startsWith('/') ? undefined : { path, external: true };
    });
  },
};

// Threads are started by file name: each worker's entry must lie beside the bundle under its own.
const workers = await Array.fromAsync(glob('packages/*/src/**/*-worker.ts', { cwd: root }));
const entryPoints = ['agent/src/main.ts', ...workers.toSorted()].map((path) => ({
  in: join(root, path),
  out: basename(path, '.ts'),
}));

await rm(outdir, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints,
  outdir,
  bundle: true,
  // Shared code lands in chunks beside the entries, so that each command loads what it needs.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.19',
  plugins: [npmPackagesStayOutside],
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
});
// npm packs what lies in the package's own folder.
for (const file of ['README.md', 'LICENSE']) await copyFile(join(root, file), join(root, 'agent', file));

const bytes = Object.values(metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
console.log(`agent/dist: ${Object.keys(metafile.outputs).length} files, ${Math.round(bytes / 1024)} KB`);
