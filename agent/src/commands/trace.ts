import { formatDuration } from '@pippa/core';
import { requestTrace } from '@pippa/gateway';
import { z } from 'zod';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { findAgent } from '../remote/agent-address.ts';
import { askAgent } from '../remote/ask-agent.ts';
import { columns } from '../terminal/columns.ts';
import { printable } from '../terminal/printable.ts';
import { painter, type Paint } from '../terminal/terminal.ts';
import type { CommandContext } from './context.ts';

type Trace = z.output<typeof requestTrace>;
type Generation = Trace['generations'][number];

/** `pippa-agent trace [request id]`: where a request's time went, or the last requests. */
export async function trace(
  context: CommandContext,
  id: string | undefined,
  options: { readonly json: boolean },
): Promise<ExitCode> {
  const { terminal, environment, interrupts } = context;
  const address = await findAgent(context);
  const paint = painter(terminal.stdout, environment);
  if (id === undefined) {
    const schema = z.object({ traces: z.array(requestTrace) });
    const { traces } = await askAgent(address, '/pippa/v1/traces', schema, interrupts.asked);
    terminal.stdout.write(options.json ? json(traces) : list(traces, paint));
    return EXIT.ok;
  }
  const found = await askAgent(address, `/pippa/v1/traces/${encodeURIComponent(id)}`, requestTrace, interrupts.asked);
  terminal.stdout.write(options.json ? json(found) : show(found, paint));
  return EXIT.ok;
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

function list(traces: readonly Trace[], paint: Paint): string {
  if (traces.length === 0) return 'No requests yet.\n';
  const rows = traces.map((each) => [
    each.id,
    new Date(each.startedAtMs).toISOString(),
    each.route,
    String(each.status ?? each.state),
    each.durationMs === undefined ? '' : formatDuration(each.durationMs),
    each.generations[0]?.model ?? '',
  ]);
  const [head = '', ...lines] = columns([['REQUEST', 'STARTED', 'ROUTE', 'STATUS', 'TOOK', 'MODEL'], ...rows]);
  return `${[paint('dim', head), ...lines].join('\n')}\n`;
}

function show(trace: Trace, paint: Paint): string {
  const facts = [
    ['request', trace.id],
    ['route', `${trace.method} ${trace.route}`],
    ['started', new Date(trace.startedAtMs).toISOString()],
    ['state', [trace.state, trace.status, trace.error].filter((part) => part !== undefined).join(' ')],
    ...(trace.key === undefined ? [] : [['key', trace.key]]),
    ['took', trace.durationMs === undefined ? 'still running' : formatDuration(trace.durationMs)],
  ];
  const parts = trace.generations.map((generation, index) =>
    [paint('bold', `answer ${index + 1}: ${generation.model}, ${generation.outcome ?? 'running'}`), ...lines(generation)].join(
      '\n',
    ),
  );
  if (trace.untold !== undefined) parts.push(`and ${trace.untold} more answers`);
  const head = columns(facts.map(([label = '', value = '']) => [label, value]));
  return `${[head.join('\n'), ...parts].join('\n\n')}\n`;
}

function lines(generation: Generation): string[] {
  const { promptTokens, cachedTokens, generatedTokens, decodeMs, stages, steps } = generation;
  const rows: (readonly [string, number | undefined, string])[] = [
    ['template and tokens', generation.tokenizeMs, ''],
    ['queue', generation.queueMs, ''],
    [
      'prefill',
      generation.prefillMs,
      promptTokens === undefined ? '' : `${promptTokens} tokens, ${cachedTokens ?? 0} of them cached`,
    ],
    ['first token after', generation.firstTokenMs, ''],
    ['decode', decodeMs, generatedTokens === undefined ? '' : `${generatedTokens} tokens${rate(generatedTokens, decodeMs)}`],
    ...(stages ?? []).map(({ stage, node, computeMs }) => {
      const where = node === undefined ? '' : ` on ${printable(node)}`;
      return [`stage ${stage}${where}`, computeMs, `in ${steps ?? 0} steps`] as const;
    }),
    ['between the stages', generation.betweenStagesMs, ''],
  ];
  const known = rows.filter(([, durationMs]) => durationMs !== undefined);
  return columns(
    known.map(([what, durationMs = 0, note]) => [`  ${what}`, `${durationMs.toFixed(1)} ms`, note]),
    [1],
  ).map((line) => line.trimEnd());
}

const rate = (tokens: number, decodeMs: number | undefined): string =>
  tokens > 1 && decodeMs !== undefined && decodeMs > 0 ? `, ${(((tokens - 1) * 1000) / decodeMs).toFixed(1)} a second` : '';
