import { formatBytes } from '@pippa/core';
import { layerCount, memoryEstimate, readGgufModel, type GgufModel } from '@pippa/gguf';
import { findByName, looksLikePath, NoSuchModelError, PLACE_LABELS, type LibraryEntry, type LibraryModel } from '@pippa/models';
import { UnusableModelError } from '../errors.ts';
import { whyBroken } from '../library/why-broken.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { modelInHouse, type ModelInHouse } from '../library/model-in-house.ts';
import { openLibrary } from '../library/open-library.ts';
import { describeHolders, peerModels } from '../library/peer-models.ts';
import { columns } from '../terminal/columns.ts';
import { printable } from '../terminal/printable.ts';
import { formatCount } from '../terminal/format-count.ts';
import { painter, type Paint } from '../terminal/terminal.ts';
import type { CommandContext } from './context.ts';
import { toJson } from './models.ts';

/** Contexts that the sheet tells the memory of, besides the one the model was trained for. */
const CONTEXTS = [2048, 8192, 32_768, 131_072];
/** Rows of the largest step: llama.cpp's own micro-batch. */
const ROWS = 512;

interface ContextMemory {
  readonly contextTokens: number;
  readonly weights: number;
  readonly context: number;
  readonly compute: number;
}

/** `pippa-agent show`: the sizing sheet of one model. */
export async function show(context: CommandContext, name: string, options: { readonly json: boolean }): Promise<ExitCode> {
  const { terminal, environment, interrupts } = context;
  const entry = await resolveHere(name, context);
  if (entry.kind === 'broken') throw await whyBroken(entry, interrupts.asked);
  const memory = memoryAtContexts(await read(entry), entry.manifest.contextLength);
  const house = await modelInHouse(entry.manifest, context);
  if (options.json) {
    terminal.stdout.write(
      `${JSON.stringify({ ...toJson(entry), manifest: entry.manifest, paths: entry.paths, memory, ...house }, undefined, 2)}\n`,
    );
  } else {
    terminal.stdout.write(sheet(entry, memory, house, painter(terminal.stdout, environment)));
  }
  return EXIT.ok;
}

/** The model's file on this machine. Throws `NoSuchModelError`, which names those who have it where other nodes do. */
async function resolveHere(name: string, context: CommandContext): Promise<LibraryEntry> {
  const library = openLibrary(context.settings, context);
  try {
    return await library.resolve(name, { signal: context.interrupts.asked });
  } catch (error) {
    if (!(error instanceof NoSuchModelError) || looksLikePath(name)) throw error;
    const others = await peerModels(new Set(library.models().map(({ id }) => id)), context);
    const candidates = others.map((model) => ({ ...model, kind: 'model' as const, aliases: [] }));
    const found = findByName(name, candidates);
    if (found === undefined) throw error;
    throw new NoSuchModelError(
      `${printable(found.name)} is not on this machine; it is on ${printable(describeHolders(found.holders))}.`,
      {
        hint: `\`pippa-agent plan ${name}\` says where it would run; this command reads a file of this machine.`,
      },
    );
  }
}

async function read(entry: LibraryModel): Promise<GgufModel> {
  const path = entry.paths[0] ?? '';
  try {
    return await readGgufModel(path);
  } catch (error) {
    throw new UnusableModelError(path, error);
  }
}

function memoryAtContexts(model: GgufModel, trained: number): readonly ContextMemory[] {
  const contexts = [...new Set([...CONTEXTS.filter((tokens) => tokens < trained), trained])];
  const to = layerCount(model);
  return contexts
    .filter((tokens) => tokens > 0)
    .map((contextTokens) => ({
      contextTokens,
      ...memoryEstimate(model, { from: 0, to, maxRows: ROWS, contextCells: contextTokens }),
    }));
}

function sheet(entry: LibraryModel, memory: readonly ContextMemory[], house: ModelInHouse | undefined, paint: Paint): string {
  const { manifest } = entry;
  const perToken = manifest.layers.reduce((sum, layer) => sum + layer.contextBytesPerToken, 0);
  const perSequence = manifest.layers.reduce((sum, layer) => sum + layer.contextBytesPerSequence, 0);
  const active =
    manifest.activeParameterCount < manifest.parameterCount ? `, ${formatCount(manifest.activeParameterCount)} active a token` : '';
  const facts = [
    [
      'architecture',
      `${manifest.architecture}, ${formatCount(manifest.parameterCount)} parameters${active}, ${manifest.quantisation}`,
    ],
    ['shape', `${manifest.layers.length} layers, embedding ${manifest.embeddingLength}, vocabulary ${manifest.vocabularySize}`],
    ['context', `${manifest.contextLength} tokens`],
    ['size', `${formatBytes(manifest.fileBytes)} in ${entry.paths.length} ${entry.paths.length === 1 ? 'file' : 'files'}`],
    ['layers', layerBytes(manifest)],
    [
      'ends',
      `first stage ${formatBytes(manifest.inputBytes)} of embeddings, last stage ${formatBytes(manifest.outputBytes)} of head${manifest.tiedHead ? ' (the embeddings again)' : ''}, ${formatBytes(manifest.otherBytes)} with every stage`,
    ],
    [
      'cache',
      `${formatBytes(perToken * 1000)} per 1k tokens${perSequence === 0 ? '' : `, ${formatBytes(perSequence)} a conversation`}`,
    ],
    ['stages', manifest.cuts.length === 0 ? 'runs whole only' : `1 to ${manifest.cuts.length + 1}`],
    ...(entry.origin === undefined ? [] : [['from', entry.origin]]),
    [
      'place',
      entry.place.kind === 'folder' ? entry.paths.join(', ') : `${PLACE_LABELS[entry.place.kind]}: ${entry.paths.join(', ')}`,
    ],
    ...(entry.projectorPath === undefined ? [] : [['projector', `${entry.projectorPath} (for images; pippa-agent answers text)`]]),
    ...(house === undefined ? [] : houseFacts(house)),
    ...(entry.aliases.length === 0 ? [] : [['also', entry.aliases.join(', ')]]),
    ['id', entry.id],
  ];
  const rows = memory.map((item) => [
    String(item.contextTokens),
    formatBytes(item.weights),
    formatBytes(item.context),
    formatBytes(item.compute),
    formatBytes(item.weights + item.context + item.compute),
  ]);
  const [head = '', ...lines] = columns([['CONTEXT', 'WEIGHTS', 'CACHE', 'WORKING', 'MEMORY'], ...rows], [0, 1, 2, 3, 4]);
  return [
    paint('bold', entry.name),
    ...columns(facts.map(([label = '', value = '']) => [paint('dim', label.padEnd(12)), value])),
    '',
    paint('dim', head),
    ...lines,
    '',
  ].join('\n');
}

/** Who has it, and where it would run. */
function houseFacts({ holders, place }: ModelInHouse): string[][] {
  const having = printable(describeHolders(holders));
  if ('refused' in place)
    return [
      ['held by', having],
      ['would run', `nowhere: ${printable(place.refused)}`],
    ];
  const stages = place.stages.map(({ node, from, to }) =>
    printable(place.stages.length === 1 ? node : `${node} ${from}-${to - 1}`),
  );
  const speed = `${place.tokensPerSecond.toFixed(1)} tokens/s predicted`;
  return [
    ['held by', having],
    ['would run', `on ${stages.join(', ')}: ${speed}, context ${place.contextTokens}`],
  ];
}

/** `0-10 120.0 MB each, 11 130.0 MB`: neighbours of one size together. */
function layerBytes({ layers }: LibraryModel['manifest']): string {
  const runs: { from: number; to: number; bytes: number }[] = [];
  for (const [index, { weightBytes }] of layers.entries()) {
    const last = runs.at(-1);
    if (last !== undefined && last.bytes === weightBytes) last.to = index;
    else runs.push({ from: index, to: index, bytes: weightBytes });
  }
  if (runs.length <= 6) {
    return runs
      .map(({ from, to, bytes }) => `${from === to ? from : `${from}-${to}`} ${formatBytes(bytes)}${from === to ? '' : ' each'}`)
      .join(', ');
  }
  const sizes = layers.map((layer) => layer.weightBytes);
  return `${formatBytes(Math.min(...sizes))} to ${formatBytes(Math.max(...sizes))} each`;
}
