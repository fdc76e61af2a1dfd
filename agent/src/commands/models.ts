import { homedir } from 'node:os';
import { formatBytes } from '@pippa/core';
import { PLACE_LABELS, type BrokenFile, type LibraryEntry, type LibraryModel } from '@pippa/models';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { openLibrary } from '../library/open-library.ts';
import { describeHolders, peerModels, type PeerModel } from '../library/peer-models.ts';
import { columns } from '../terminal/columns.ts';
import { formatCount } from '../terminal/format-count.ts';
import { printable } from '../terminal/printable.ts';
import { painter, type Paint } from '../terminal/terminal.ts';
import type { CommandContext } from './context.ts';

/** `pippa-agent models`: the model files there are, and where they lie; those of peers too while the agent runs. */
export async function models(context: CommandContext, options: { readonly json: boolean }): Promise<ExitCode> {
  const { terminal, paths, settings, environment } = context;
  const entries = await openLibrary(settings, context).refresh({ signal: context.interrupts.asked });
  const here = new Set(entries.flatMap((entry) => (entry.kind === 'model' ? [entry.id] : [])));
  const others = await peerModels(here, context);
  if (options.json) {
    const all = [...entries.map(toJson), ...others.map(peerToJson)];
    terminal.stdout.write(`${JSON.stringify(all, undefined, 2)}\n`);
  } else {
    terminal.stdout.write(table(entries, others, paths.models, painter(terminal.stdout, environment)));
  }
  return EXIT.ok;
}

/** What programs get of a model. */
export function toJson(entry: LibraryEntry): object {
  const { name, aliases, place, paths } = entry;
  const where = { name, aliases, path: paths[0], place: place.kind };
  if (entry.kind === 'broken') return { ...where, error: entry.error };
  const { id, manifest, projectorPath, origin } = entry;
  return {
    ...where,
    id,
    bytes: manifest.fileBytes,
    architecture: manifest.architecture,
    quantisation: manifest.quantisation,
    parameterCount: manifest.parameterCount,
    layerCount: manifest.layers.length,
    contextLength: manifest.contextLength,
    maxStages: manifest.cuts.length + 1,
    ...(projectorPath === undefined ? {} : { projectorPath }),
    ...(origin === undefined ? {} : { origin }),
  };
}

function peerToJson({ id, name, fileBytes, layerCount, holders }: PeerModel): object {
  return { name, id, bytes: fileBytes, layerCount, place: 'peers', holders };
}

function table(entries: readonly LibraryEntry[], others: readonly PeerModel[], folder: string, paint: Paint): string {
  const usable = entries.filter((entry): entry is LibraryModel => entry.kind === 'model');
  const broken = entries.filter((entry): entry is BrokenFile => entry.kind === 'broken');
  const head = ['NAME', 'SIZE', 'QUANT', 'ARCH', 'PARAMS', 'LAYERS', 'CONTEXT', 'STAGES', 'WHERE'];
  const rows = usable.map(({ name, manifest, place, paths }) => [
    name,
    formatBytes(manifest.fileBytes),
    manifest.quantisation,
    manifest.architecture,
    formatCount(manifest.parameterCount),
    String(manifest.layers.length),
    String(manifest.contextLength),
    manifest.cuts.length === 0 ? 'whole only' : `1 to ${manifest.cuts.length + 1}`,
    place.kind === 'folder' || place.kind === 'own' ? homely(paths[0] ?? '') : PLACE_LABELS[place.kind],
  ]);
  const theirs = others.map(({ name, fileBytes, layerCount, holders }) => [
    printable(name),
    formatBytes(fileBytes),
    '',
    '',
    '',
    layerCount > 0 ? String(layerCount) : '',
    '',
    '',
    printable(`on ${describeHolders(holders)}`),
  ]);
  const [headLine = '', ...lines] = columns([head, ...rows, ...theirs], [1, 4, 5, 6]);
  return [
    paint('dim', headLine),
    ...lines,
    ...broken.map((entry) => `${entry.name}  ${paint('red', entry.error)}  ${entry.paths[0]}`),
    '',
    paint('dim', `Put GGUF files into ${folder}, or name their folder with --model-dir. Details: pippa-agent show <model>`),
    '',
  ].join('\n');
}

/** `~/models/a.gguf` */
function homely(path: string): string {
  const home = homedir();
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}
