import { formatBytes, formatDuration } from '@pippa/core';
import { planBytes, type PullPlan } from './pull-plan.ts';

/** What lines of homes and offices bring, bytes a second. */
const LINES = [
  { name: '100 Mbit/s', bytesPerSecond: 12_500_000 },
  { name: '1 Gbit/s', bytesPerSecond: 125_000_000 },
];

/** Says that the text names a place to get a model from, not a model that may be here: `hf:org/repo`. */
export function isRemoteReference(text: string): boolean {
  return /^(?:hf|huggingface|ollama):|^(?:hf\.co|huggingface\.co)\//i.test(text.trim()) || isAddress(text);
}

/** An `http(s)` address. */
export function isAddress(text: string): boolean {
  return /^https?:\/\//i.test(text.trim());
}

/** `Qwen3-8B:Q4_K_M is at huggingface.co: 4.7 GB, about 6 min at 100 Mbit/s and 40 s at 1 Gbit/s.` */
export function explainPull(plan: PullPlan): string {
  const bytes = planBytes(plan);
  if (bytes === 0) return `${plan.name} is at ${plan.from}, which does not say how large it is.`;
  const times = LINES.map(({ name, bytesPerSecond }) => `${formatDuration((bytes / bytesPerSecond) * 1000)} at ${name}`);
  return `${plan.name} is at ${plan.from}: ${formatBytes(bytes)}, about ${times.join(' and ')}.`;
}

/** What people are told of a projector that is not got with the model; undefined where there is none. */
export function explainProjector({ projector }: PullPlan): string | undefined {
  if (projector === undefined) return undefined;
  const { name, byteLength, reference } = projector;
  const how = reference === undefined ? '' : ` For other tools: pippa-agent pull ${reference}`;
  return `It sees images with a projector (${name}, ${formatBytes(byteLength)}), which is not got: pippa-agent answers text.${how}`;
}
