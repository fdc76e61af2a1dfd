import { EXIT, type ExitCode } from '../exit-codes.ts';
import { findNode } from '../mesh/find-node.ts';
import { planModel } from '../plan/plan-model.ts';
import { placeWithContext } from '../plan/place-with-context.ts';
import { planNodes } from '../plan/plan-nodes.ts';
import type { PlanOptions } from '../program-plan.ts';
import { painter } from '../terminal/terminal.ts';
import { planView } from '../views/plan-view.ts';
import type { CommandContext } from './context.ts';

/** Rows of a step of a model that is cut, as rings have them. */
const ROWS = 256;
/** `pippa-agent plan`: where the layers of a model would go, and why. Fails when it does not fit. */
export async function plan(context: CommandContext, asked: string, options: PlanOptions): Promise<ExitCode> {
  const { terminal, environment, settings } = context;
  const manifest = await planModel(asked, context);
  const place = await planNodes(options.nodes, manifest.id, context);
  const { wish, result } = placeWithContext(manifest, place, settings.context, {
    parallelSequences: settings.parallel,
    maxRows: ROWS,
    lane: options.lane,
    strategy: options.strategy,
    ...(options.split === undefined ? {} : { split: options.split }),
    ...(options.only === undefined ? {} : { only: options.only.map((name) => findNode(name, place.nodes).peer) }),
    ...(options.exclude === undefined ? {} : { exclude: options.exclude.map((name) => findNode(name, place.nodes).peer) }),
  });
  const { id, name, quantisation, fileBytes, layers } = manifest;
  if (options.json === true) {
    const model = { id, name, quantisation, fileBytes, layerCount: layers.length };
    const nodes = place.nodes.map(({ peer, name: node, budgetBytes, freeBytes }) => ({ peer, name: node, budgetBytes, freeBytes }));
    terminal.stdout.write(`${JSON.stringify({ model, source: place.source, nodes, wish, ...result }, undefined, 2)}\n`);
  } else {
    terminal.stdout.write(planView({ manifest, place, wish, result }, painter(terminal.stdout, environment)));
  }
  return result.kind === 'placed' ? EXIT.ok : EXIT.failure;
}
