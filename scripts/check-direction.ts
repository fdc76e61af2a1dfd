/** Checks the dependency direction of the workspace: `npm run direction`. Exits 1 and lists the breaches when there are any. */
import { fileURLToPath } from 'node:url';
import { checkDirection } from './direction/check.ts';
import { readWorkspace } from './direction/workspace.ts';

const breaches = checkDirection(await readWorkspace(fileURLToPath(new URL('..', import.meta.url))));
for (const breach of breaches) console.error(breach);
if (breaches.length > 0) process.exitCode = 1;
else console.log('dependency direction: ok');
