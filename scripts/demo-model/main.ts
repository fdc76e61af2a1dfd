import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PIPPA_TINY, train } from './train.ts';

const target = process.argv[2] ?? fileURLToPath(new URL('../../agent/models/pippa-tiny.gguf', import.meta.url));
const started = performance.now();
await train(target, PIPPA_TINY, (step, loss) => {
  if (step % 20 === 0)
    console.log(
      `step ${step} of ${PIPPA_TINY.steps}: loss ${loss.toFixed(4)}, ${((performance.now() - started) / 1000).toFixed(0)} s`,
    );
});
const digest = createHash('sha256')
  .update(await readFile(target))
  .digest('hex');
await writeFile(target.replace(/\.gguf$/, '.sha256'), `${digest}\n`);
console.log(`${target}: sha256 ${digest}`);
