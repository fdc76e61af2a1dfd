import { nodeNames } from '../bench/asked-placements.ts';
import { callAgent } from '../control/client.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { downOperation, MAX_COPIES, psOperation, upOperation } from '../operations/ring-operations.ts';
import type { UpWords } from '../program-rings.ts';
import { printable } from '../terminal/printable.ts';
import { withProgress } from '../terminal/progress-line.ts';
import { painter } from '../terminal/terminal.ts';
import { ringsView, ringView } from '../views/rings-view.ts';
import type { CommandContext } from './context.ts';
import { wholeNumber } from './whole-number.ts';

/** `pippa-agent up <model>`: loads it, with a line of progress, and tells where its layers are. */
export async function up(context: CommandContext, model: string, words: UpWords): Promise<ExitCode> {
  const { terminal, environment, paths, interrupts } = context;
  const { json, context: tokens, stages, nodes, copies, ...choices } = words;
  const input = {
    model,
    ...choices,
    ...(tokens === undefined ? {} : { context: wholeNumber('--context', tokens, { least: 64, most: 16_777_216 }) }),
    ...(stages === undefined ? {} : { stages: wholeNumber('--stages', stages, { most: 64 }) }),
    ...(copies === undefined ? {} : { copies: wholeNumber('--copies', copies, { most: MAX_COPIES }) }),
    ...(nodes === undefined ? {} : { nodes: [...nodeNames(nodes)] }),
  };
  const ring = await withProgress(`Loading ${printable(model)}`, context, (onProgress) =>
    callAgent(paths.socket, upOperation, input, {
      onEvent: ({ fraction, message }) => onProgress(fraction, message),
      signal: interrupts.asked,
    }),
  );
  terminal.stdout.write(
    json ? `${JSON.stringify(ring, undefined, 2)}\n` : ringView(ring, input, painter(terminal.stdout, environment)),
  );
  return EXIT.ok;
}

/** `pippa-agent down <model>` or `--all`. */
export async function down(
  { terminal, paths, interrupts }: CommandContext,
  model: string | undefined,
  { all, json }: { readonly all: boolean; readonly json: boolean },
): Promise<ExitCode> {
  if (model === undefined && !all) {
    throw new UsageError('Which model is to be taken down?', {
      hint: 'Name it, or say --all. `pippa-agent ps` lists what is loaded.',
    });
  }
  const taken = await callAgent(paths.socket, downOperation, model === undefined ? {} : { model }, { signal: interrupts.asked });
  const told = taken.length === 0 ? ['Nothing of it was loaded.'] : downLines(taken.map((ring) => ring.model));
  terminal.stdout.write(json ? `${JSON.stringify(taken, undefined, 2)}\n` : `${told.join('\n')}\n`);
  return EXIT.ok;
}

/** Each model once, however often it was up. */
function downLines(models: readonly string[]): readonly string[] {
  return [...new Set(models)].map((model) => {
    const copies = models.filter((each) => each === model).length - 1;
    const too = copies === 0 ? '' : copies === 1 ? ', and its copy' : `, and its ${copies} copies`;
    return `${printable(model)} is down${too}.`;
  });
}

/** `pippa-agent ps`: what is loaded where. */
export async function ps(
  { terminal, environment, paths, interrupts }: CommandContext,
  { json }: { readonly json: boolean },
): Promise<ExitCode> {
  const rings = await callAgent(paths.socket, psOperation, {}, { signal: interrupts.asked });
  terminal.stdout.write(
    json ? `${JSON.stringify(rings, undefined, 2)}\n` : ringsView(rings, painter(terminal.stdout, environment)),
  );
  return EXIT.ok;
}
