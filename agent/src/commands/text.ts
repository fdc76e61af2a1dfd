import { operationList } from '@pippa/gateway';
import type { z } from 'zod';
import { RemoteAgentError, UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { findAgent, type RemoteAddress } from '../remote/agent-address.ts';
import { askAgent, requestAgent } from '../remote/ask-agent.ts';
import { columns } from '../terminal/columns.ts';
import { readInput } from '../terminal/read-input.ts';
import { painter, type Paint } from '../terminal/terminal.ts';
import type { CommandContext } from './context.ts';

export interface TextOptions {
  /** `name=value` */
  readonly variables: readonly string[];
  readonly model: string | undefined;
  readonly json: boolean;
}

/** `pippa-agent text <operation>`: works on the text from stdin and writes the result as it comes. */
export async function text(context: CommandContext, words: readonly string[], options: TextOptions): Promise<ExitCode> {
  const { terminal, environment, interrupts } = context;
  const [operation, ...rest] = words;
  const address = await findAgent(context);
  if (operation === undefined) return list(address, options, context, painter(terminal.stdout, environment));
  const query = readQuery(options);
  const said = rest.join(' ');
  if (said === '' && terminal.stdin.isTTY === true) {
    throw new UsageError('There is no text.', { hint: `Pipe it in, as in: pbpaste | pippa-agent text ${operation}` });
  }
  const body = said === '' ? await readInput(terminal.stdin, interrupts.asked) : said;
  if (body.trim() === '') throw new UsageError('The text is empty.');
  const request = { method: 'POST', headers: { 'content-type': 'text/plain; charset=utf-8' }, body } as const;
  const response = await requestAgent(address, `/v1/text/${encodeURIComponent(operation)}?${query}`, request, interrupts.asked);
  try {
    for await (const chunk of response.body) terminal.stdout.write(chunk);
  } catch (cause) {
    interrupts.asked.throwIfAborted();
    throw new RemoteAgentError('The agent failed in the middle of the result. Its log says why.', { cause });
  }
  // A file gets the text alone; on a terminal the prompt should not stand behind it.
  if (terminal.stdout.isTTY === true) terminal.stdout.write('\n');
  return EXIT.ok;
}

/** Throws `UsageError` for what is no `name=value`. */
function readQuery({ variables, model }: TextOptions): string {
  const query = new URLSearchParams({ stream: 'true' });
  if (model !== undefined) query.set('model', model);
  for (const variable of variables) {
    const at = variable.indexOf('=');
    if (at < 1) throw new UsageError(`--var: "${variable}" is not name=value, such as to=German.`);
    query.set(variable.slice(0, at), variable.slice(at + 1));
  }
  return query.toString();
}

async function list(address: RemoteAddress, { json }: TextOptions, context: CommandContext, paint: Paint): Promise<ExitCode> {
  const { terminal, paths, interrupts } = context;
  const operations = await askAgent(address, '/v1/text', operationList, interrupts.asked);
  terminal.stdout.write(json ? `${JSON.stringify(operations, undefined, 2)}\n` : table(operations, paths.operations, paint));
  return EXIT.ok;
}

function table({ data, problems }: z.output<typeof operationList>, folder: string, paint: Paint): string {
  const rows = data.map(({ name, description, source, variables }) => [
    name,
    variables.map((variable) => (variable.default === undefined ? variable.name : `[${variable.name}]`)).join(' '),
    source === 'file' ? `${description} (own)` : description,
  ]);
  const [head = '', ...lines] = columns([['OPERATION', 'VARIABLES', 'WHAT IT DOES'], ...rows]);
  return [
    paint('dim', head),
    ...lines,
    ...problems.map(({ file, message }) => `${file}  ${paint('red', message)}`),
    '',
    paint(
      'dim',
      `Put files like translate.toml into ${folder} to add or change operations; \`pippa-agent text --json\` shows all of them.`,
    ),
    '',
  ].join('\n');
}
