/** A bench's own process: runs the file named on the command line and sends its figures to the parent. */
import type { Bench } from './define.ts';

const [file = '', rounds = '', patienceMs = '', pauseMs = ''] = process.argv.slice(2);
const send = (message: unknown): Promise<void> =>
  new Promise((resolve, reject) => process.send?.(message, (error: Error | null) => (error === null ? resolve() : reject(error))));
const bench = ((await import(file)) as { default: Bench }).default;
const figures = await bench.run({
  rounds: rounds === '' ? bench.rounds : Number(rounds),
  patienceMs: Number(patienceMs),
  pauseMs: Number(pauseMs),
  log: (line) => void send({ line }),
});
await send({ figures });
process.exit();
