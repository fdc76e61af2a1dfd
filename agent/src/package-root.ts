import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// One folder below the package's root in the repository (src/package-root.ts) and as published (dist/main.js) alike.
const root = new URL('../', import.meta.url);

/** Where the models that come with the package lie. */
export const embeddedModelDirectory = fileURLToPath(new URL('models/', root));

/** Where the examples for `plan` lie. */
export const exampleDirectory = fileURLToPath(new URL('examples/', root));

/** The text operations that come with the package. */
export const embeddedOperationDirectory = fileURLToPath(new URL('operations/', root));

export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';
}
