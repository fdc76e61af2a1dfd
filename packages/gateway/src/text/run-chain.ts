import type { GenerationUsage, ServedModel } from '@pippa/core';
import type { Exchange } from '../http/exchange.ts';
import { runGenerations, type GenerationParts } from '../openai/generations.ts';
import { fitText } from './fit-text.ts';
import { operationRequest, type TextSettings } from './operation-request.ts';
import type { TextOperation } from './operation.ts';

/** One operation with all that it needs. */
export interface ChainLink {
  readonly operation: TextOperation;
  readonly model: ServedModel;
  readonly variables: Readonly<Record<string, string>>;
}

export interface ChainContext {
  readonly exchange: Exchange;
  readonly parts: GenerationParts;
  readonly settings: TextSettings;
  /** Told what every generation used. */
  readonly onUsage: (usage: GenerationUsage) => void;
}

/** Where the text of the last operation goes as it comes. A returned promise holds the model back. */
export type TextSink = (text: string) => Promise<void> | undefined;

/** How often a result that is still too long is worked on again: each time it becomes a fraction. */
const MAX_REDUCTIONS = 4;

/** Passes a text through the operations, one after the other. What the last one writes goes to `sink` piece by piece. */
export async function runChain(text: string, chain: readonly ChainLink[], context: ChainContext, sink: TextSink): Promise<void> {
  let current = text;
  for (const [index, link] of chain.entries()) {
    if (index === chain.length - 1) {
      await runOperation(current, link, context, sink);
      return;
    }
    current = await collect((collecting) => runOperation(current, link, context, collecting));
  }
}

async function runOperation(text: string, link: ChainLink, context: ChainContext, sink: TextSink): Promise<void> {
  const { operation, model } = link;
  const request = (part: string) => operationRequest(operation, part, link.variables, context.settings);
  let current = text;
  for (let reductions = 0; ; reductions++) {
    const parts = operation.long === undefined ? [{ text: current, separator: '' }] : await fitText(current, model, request);
    if (operation.long !== 'reduce' || parts.length === 1 || reductions === MAX_REDUCTIONS) {
      for (const part of parts) {
        await answer(part.text, link, context, sink);
        if (part.separator !== '') await sink(part.separator);
      }
      return;
    }
    const results: string[] = [];
    for (const part of parts) results.push(await collect((collecting) => answer(part.text, link, context, collecting)));
    current = results.join('\n\n');
  }
}

/** One answer of the model: its text without blanks at either end, and without what it thought. */
async function answer(
  text: string,
  { operation, model, variables }: ChainLink,
  context: ChainContext,
  sink: TextSink,
): Promise<void> {
  const { exchange, parts, settings, onUsage } = context;
  exchange.logFields['model'] = model.name;
  const request = operationRequest(operation, text, variables, settings);
  let begun = false;
  /** Blanks that are written only if something follows. */
  let held = '';
  const [finish] = await runGenerations(
    [
      {
        start: (signal) => model.chat(request, { signal }),
        onEvent(event) {
          if (event.kind !== 'text') return undefined;
          const whole = held + event.text;
          const shown = begun ? whole : whole.trimStart();
          const kept = shown.trimEnd();
          if (kept === '') {
            held = begun ? whole : '';
            return undefined;
          }
          begun = true;
          held = shown.slice(kept.length);
          return sink(kept);
        },
      },
    ],
    parts,
    exchange,
  );
  if (finish !== undefined) onUsage(finish.usage);
}

async function collect(work: (sink: TextSink) => Promise<void>): Promise<string> {
  const pieces: string[] = [];
  await work((piece) => {
    pieces.push(piece);
    return undefined;
  });
  return pieces.join('');
}
