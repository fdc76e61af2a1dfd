/**
 * Runs the tests and ends with one plain line, `N passed, N failed` (`, N skipped` when there are any).
 * Takes what `vitest run` takes: `npm test -- packages/ring -t "prefix"`.
 */
import { parseCLI, startVitest } from 'vitest/node';
import { closingLine, countTests } from './closing-line.ts';

const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)]);
const vitest = await startVitest(filter, { ...options, run: true, watch: false });
const counts = countTests(vitest.state.getTestModules(), vitest.state.getUnhandledErrors().length);
await vitest.close();

console.log(closingLine(counts));
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : (process.exitCode ?? 0);
