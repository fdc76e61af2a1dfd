import { formatBytes } from '@pippa/core';
import type { Machine } from '../machine.ts';
import type { WaitingModel } from '../agent.ts';
import type { OpenedModelInfo } from '../open-model.ts';
import { DEFAULT_PORT } from '../settings/schema.ts';
import { columns } from './columns.ts';
import { printable } from './printable.ts';
import type { Paint } from './terminal.ts';

export interface BannerFacts {
  readonly version: string;
  /** `http://127.0.0.1:11500` */
  readonly url: string;
  readonly needsKey: boolean;
  readonly models: readonly OpenedModelInfo[];
  /** Models that wait for other nodes. */
  readonly waiting: readonly Pick<WaitingModel, 'name' | 'reason'>[];
  readonly machine: Machine;
  /** Lines about the mesh. */
  readonly mesh: readonly string[];
}

/** What `pippa-agent` prints when it is ready. */
export function banner({ version, url, needsKey, models, waiting, machine, mesh }: BannerFacts, paint: Paint): string {
  const described = [
    ...models.map((model) => describeModel(model)),
    ...waiting.map(({ name, reason }) => `${name} ${paint('yellow', 'waits for other nodes:')} ${printable(reason)}`),
  ];
  const facts = [
    ['address', `${url}/v1`],
    ...(described.length === 0 ? ['none'] : described).map((model) => ['model', model]),
    ['chip', `${machine.chip}, ${machine.cores} ${machine.cores === 1 ? 'core' : 'cores'}`],
    ['memory', `${formatBytes(machine.totalBytes)}, ${formatBytes(machine.freeBytes)} free`],
    ...mesh.map((line, index) => [index === 0 ? 'mesh' : '', line]),
  ];
  const lines = [
    `${paint(['bold', 'cyan'], 'pippa-agent')} ${paint('dim', version)}`,
    '',
    ...columns(facts.map(([label = '', value = '']) => [paint('dim', label.padEnd(7)), value])),
    '',
    ...howToTalk(url, needsKey, (models[0] ?? waiting[0])?.name, paint),
    '',
    paint('dim', 'Ctrl-C stops the agent.'),
  ];
  return `\n${lines.map((line) => (line === '' ? '' : `  ${line}`)).join('\n')}\n\n`;
}

function describeModel(model: OpenedModelInfo): string {
  const { name, architecture, quantisation, layerCount, stageCount, fileBytes, contextTokens, backend } = model;
  const what = `${architecture} ${quantisation}, ${layerCount} layers`;
  // Its conductor is another node, whose card has not come yet.
  if (stageCount === 0) return `${name} (${what}, ${formatBytes(fileBytes)}, somewhere in the mesh)`;
  const stages = stageCount === 1 ? '' : `, ${stageCount} stages`;
  return `${name} (${what}${stages}, ${formatBytes(fileBytes)}, context ${contextTokens}, ${backend})`;
}

function howToTalk(url: string, needsKey: boolean, model: string | undefined, paint: Paint): string[] {
  if (model === undefined)
    return [paint('dim', 'A request for a model loads it: `pippa-agent models` lists those of this machine and its mesh.')];
  const key = needsKey ? ' -H "authorization: Bearer $PIPPA_API_KEY"' : '';
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'What is pippa-agent?' }] });
  return [
    paint('dim', 'Talk to it:'),
    `npx pippa-agent run${url.endsWith(`:${DEFAULT_PORT}`) ? '' : ` --port ${new URL(url).port}`}`,
    `curl ${url}/v1/chat/completions -H "content-type: application/json"${key} -d '${body}'`,
    `export OPENAI_BASE_URL=${url}/v1 OPENAI_API_KEY=${needsKey ? '$PIPPA_API_KEY' : 'pippa'}`,
  ];
}
