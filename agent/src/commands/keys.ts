import { didYouMean, systemClock } from '@pippa/core';
import { readKeys, writeKeys } from '../access/key-file.ts';
import { keyName, MAX_KEYS, newKey, type KeyRecord } from '../access/key-record.ts';
import { formatRate, parseConcurrency, parseRate } from '../access/request-rate.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { columns } from '../terminal/columns.ts';
import { painter } from '../terminal/terminal.ts';
import type { CommandContext } from './context.ts';

/** Names that the agent itself goes by in logs and traces. */
const RESERVED_NAMES = new Set(['api-key', 'local', 'commands']);

export interface AddKeyOptions {
  readonly scope: string | undefined;
  readonly rate: string | undefined;
  readonly concurrency: string | undefined;
}

/** `pippa-agent keys add`: makes a key and shows it, this once. A running agent knows it from then on. */
export async function addKey(context: CommandContext, name: string, options: AddKeyOptions): Promise<ExitCode> {
  const { paths, terminal, environment } = context;
  if (!keyName.safeParse(name).success || RESERVED_NAMES.has(name)) {
    throw new UsageError(`"${name}" cannot be the name of a key.`, {
      hint: 'Names have up to 64 letters, digits, blanks and . @ _ -, such as "laptop of Ada".',
    });
  }
  const { scope = 'inference' } = options;
  if (scope !== 'inference' && scope !== 'admin') throw new UsageError(`--scope: "${scope}" is not inference or admin.`);
  const rate = options.rate === undefined ? undefined : parseRate(options.rate);
  const concurrency = options.concurrency === undefined ? undefined : parseConcurrency(options.concurrency);
  const keys = await readKeys(paths.keys);
  if (keys.some((key) => key.name === name)) {
    throw new UsageError(`There is a key named "${name}" already.`, { hint: `Revoke it first: pippa-agent keys revoke "${name}"` });
  }
  if (keys.length >= MAX_KEYS) throw new UsageError(`There are ${MAX_KEYS} keys already, which is all there may be.`);
  const { secret, record } = newKey({
    name,
    scope,
    createdMs: systemClock.wallMs(),
    ...(rate === undefined ? {} : { rate }),
    ...(concurrency === undefined ? {} : { concurrency }),
  });
  await writeKeys(paths.keys, [...keys, record]);
  terminal.stdout.write(`${secret}\n`);
  const paint = painter(terminal.stderr, environment);
  terminal.stderr.write(paint('dim', `The key "${name}" is shown this once: only its hash is kept.\n`));
  return EXIT.ok;
}

/** `pippa-agent keys list` */
export async function listKeys(
  { paths, terminal, environment }: CommandContext,
  options: { readonly json: boolean },
): Promise<ExitCode> {
  const keys = await readKeys(paths.keys);
  if (options.json) {
    const shown = keys.map((key) => ({ ...key, sha256: undefined }));
    terminal.stdout.write(`${JSON.stringify(shown, undefined, 2)}\n`);
    return EXIT.ok;
  }
  if (keys.length === 0) {
    terminal.stdout.write('No keys. Make one with: pippa-agent keys add <name>\n');
    return EXIT.ok;
  }
  const [head = '', ...lines] = columns([['ID', 'NAME', 'SCOPE', 'RATE', 'AT ONCE', 'MADE'], ...keys.map(row)]);
  terminal.stdout.write(`${[painter(terminal.stdout, environment)('dim', head), ...lines].join('\n')}\n`);
  return EXIT.ok;
}

function row({ id, name, scope, rate, concurrency, createdMs }: KeyRecord): string[] {
  const made = new Date(createdMs).toISOString().slice(0, 10);
  return [id, name, scope, rate === undefined ? 'any' : formatRate(rate), String(concurrency ?? 'any'), made];
}

/** `pippa-agent keys revoke`: a running agent refuses the key from the next request on. */
export async function revokeKey({ paths, terminal }: CommandContext, nameOrId: string): Promise<ExitCode> {
  const keys = await readKeys(paths.keys);
  const left = keys.filter(({ name, id }) => name !== nameOrId && id !== nameOrId);
  if (left.length === keys.length) {
    const names = keys.map(({ name }) => name);
    throw new UsageError(`There is no key "${nameOrId}".${didYouMean(nameOrId, names)}`, {
      hint: 'pippa-agent keys list shows those there are.',
    });
  }
  await writeKeys(paths.keys, left);
  terminal.stderr.write(`The key "${nameOrId}" is revoked.\n`);
  return EXIT.ok;
}
