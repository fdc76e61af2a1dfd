/** Loads stages one after the other and leaves what the engine says of their buffers on stderr; its log cannot be read from within. */
import { writeSync } from 'node:fs';
import { openEngine } from '../../src/engine.ts';
import { Stage, type StageOptions } from '../../src/index.ts';

/** Before each stage's lines. */
export const STAGE_MARK = '@@ stage';

if (process.argv[1] === import.meta.filename) {
  openEngine().setLog(null, null);
  for (const options of JSON.parse(process.argv[2] ?? '[]') as StageOptions[]) {
    writeSync(2, `${STAGE_MARK}\n`);
    new Stage(options)[Symbol.dispose]();
  }
}
