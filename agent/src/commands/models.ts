import { formatBytes } from '@pippa/core';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { describeFile, type BrokenModel, type ModelEntry, type UsableModel } from '../library/describe-file.ts';
import { modelDirectories } from '../library/directories.ts';
import { findModelFiles } from '../library/find-models.ts';
import { columns } from '../terminal/columns.ts';
import { painter, type Paint } from '../terminal/terminal.ts';
import type { CommandContext } from './context.ts';

/** `pippa-agent models`: the model files there are. */
export async function models(context: CommandContext, options: { readonly json: boolean }): Promise<ExitCode> {
  const { terminal, paths, settings, environment } = context;
  const entries: ModelEntry[] = [];
  for (const file of await findModelFiles(modelDirectories(paths, settings.modelDir))) entries.push(await describeFile(file));
  if (options.json) terminal.stdout.write(`${JSON.stringify(entries, undefined, 2)}\n`);
  else terminal.stdout.write(table(entries, paths.models, painter(terminal.stdout, environment)));
  return EXIT.ok;
}

function table(entries: readonly ModelEntry[], folder: string, paint: Paint): string {
  const usable = entries.filter((entry): entry is UsableModel => !('error' in entry));
  const broken = entries.filter((entry): entry is BrokenModel => 'error' in entry);
  const head = ['NAME', 'SIZE', 'QUANT', 'ARCH', 'PARAMS', 'LAYERS', 'CONTEXT', 'STAGES'];
  const rows = usable.map((entry) => [
    entry.name,
    formatBytes(entry.bytes),
    entry.quantisation,
    entry.architecture,
    formatCount(entry.parameterCount),
    String(entry.layerCount),
    String(entry.contextLength),
    entry.maxStages === 1 ? 'whole only' : `1 to ${entry.maxStages}`,
  ]);
  const [headLine = '', ...lines] = columns([head, ...rows], [1, 4, 5, 6]);
  return [
    paint('dim', headLine),
    ...lines,
    ...broken.map((entry) => `${entry.name}  ${paint('red', entry.error)}  ${entry.path}`),
    '',
    paint('dim', `Put GGUF files into ${folder}, or name their folder with --model-dir.`),
    '',
  ].join('\n');
}

/** `1.1B`, `596K` */
function formatCount(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)}B`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)}M`;
  return `${(count / 1e3).toFixed(0)}K`;
}
