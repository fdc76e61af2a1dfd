/**
 * Measures what the project promises: `npm run bench` everything, `npm run bench -- http two-stages` some, `--list` tells the names,
 * `--rounds 5` makes it shorter, `--patience 60` waits up to so many seconds for each quiet moment, `--pause 3` rests
 * before each measurement, `--json file` keeps the figures. A bench is a file `test/bench/<name>.bench.ts`; test/bench/README.md
 * says how to write one. Exits 1 when a promise does not hold.
 */
import { fork } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchDirectory } from '../test/bench/harness/bench-model.ts';
import type { Bench, Figure } from '../test/bench/harness/define.ts';
import { describeMachine, machineLine } from '../test/bench/harness/machine.ts';
import { summarise, table, type FigureSummary } from '../test/bench/harness/report.ts';

const SUFFIX = '.bench.ts';
const directory = join(import.meta.dirname, '../test/bench');
const childEntry = join(directory, 'harness/run-one.ts');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean' },
    rounds: { type: 'string' },
    json: { type: 'string' },
    patience: { type: 'string', default: '15' },
    pause: { type: 'string', default: '0' },
    quiet: { type: 'boolean' },
  },
});

const known = (await readdir(directory)).filter((file) => file.endsWith(SUFFIX)).map((file) => file.slice(0, -SUFFIX.length));
const benchOf = async (name: string): Promise<Bench> =>
  ((await import(join(directory, name + SUFFIX))) as { default: Bench }).default;

const notNumbers = (['rounds', 'patience', 'pause'] as const).filter((name) => !/^(\d+(\.\d+)?)?$/.test(values[name] ?? ''));
if (values.list === true) {
  for (const name of known) console.log(`${name.padEnd(16)} ${(await benchOf(name)).title}`);
} else {
  const unknown = positionals.filter((name) => !known.includes(name));
  if (notNumbers.length > 0) {
    console.error(`--${notNumbers[0]} wants a number.`);
    process.exitCode = 2;
  } else if (unknown.length > 0) {
    console.error(`There is no bench named ${unknown.join(', ')}. There are: ${known.join(', ')}.`);
    process.exitCode = 2;
  } else {
    await runAll(positionals.length > 0 ? positionals : known);
  }
}

async function runAll(names: readonly string[]): Promise<void> {
  const machine = describeMachine();
  console.log(machineLine(machine));
  const results: { name: string; title: string; seconds: number; figures: readonly FigureSummary[] }[] = [];
  for (const name of names) {
    const { title } = await benchOf(name);
    console.log(`\n${name}: ${title}`);
    const started = performance.now();
    const figures = await runOne(name);
    const seconds = Math.round((performance.now() - started) / 1000);
    if (figures === undefined) {
      process.exitCode = 1;
      continue;
    }
    const summaries = figures.map(summarise);
    results.push({ name, title, seconds, figures: summaries });
    for (const line of table(summaries)) console.log(line);
    if (summaries.some((summary) => summary.holds === false)) process.exitCode = 1;
  }
  const path = values.json ?? join(benchDirectory, 'results.json');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify({ machine, results }, undefined, 2)}\n`);
  console.log(`\nfigures of every round: ${path}`);
}

/** In a process of its own: native libraries keep what they did, and a crash takes nothing along. Undefined when it failed. */
function runOne(name: string): Promise<readonly Figure[] | undefined> {
  return new Promise((resolve) => {
    const child = fork(
      childEntry,
      [
        join(directory, name + SUFFIX),
        values.rounds ?? '',
        String(Number(values.patience) * 1000),
        String(Number(values.pause) * 1000),
      ],
      {
        execArgv: ['--expose-gc', ...process.execArgv],
      },
    );
    let figures: readonly Figure[] | undefined;
    child.on('message', (message: { line: string } | { figures: readonly Figure[] }) => {
      if ('figures' in message) figures = message.figures;
      else if (values.quiet !== true) console.error(`  ${message.line}`);
    });
    child.on('exit', () => resolve(figures));
  });
}
