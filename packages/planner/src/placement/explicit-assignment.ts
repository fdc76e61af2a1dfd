import { formatBytes, type ModelId } from '@pippa/core';
import type { ModelCosts } from '../model-costs.ts';
import type { StageOnNode } from '../speed-model.ts';
import type { PlacementResult, PlannerNode, StageRange } from '../types.ts';
import { warn } from './explain.ts';
import { placedOf, type PlacementContext } from './placed-stages.ts';

/** Predicts stages that somebody chose; refuses those that cannot be. */
export function checkAssignment(assigned: readonly StageRange[], context: PlacementContext): PlacementResult {
  const { nodes, costs, links, input } = context;
  const problems = rangeProblems(assigned, costs);
  const stages: StageOnNode[] = [];
  let missingBytes = 0;
  for (const range of assigned) {
    const node = nodes.find(({ peer }) => peer === range.peer);
    if (node === undefined) {
      problems.push(`There is no node ${range.peer} to hold layers ${range.from} to ${range.to}.`);
      continue;
    }
    const more = [...stages.filter(({ peer }) => peer === node.peer), range].filter(
      (each) => !isLoaded(each, node, input.manifest.id),
    );
    const needed = more.reduce((sum, { from, to }) => sum + costs.memoryBytes(from, to), 0);
    const missing = problems.length > 0 ? 0 : needed - node.freeBytes;
    if (missing > 0) {
      problems.push(`Layers ${range.from} to ${range.to} need ${formatBytes(missing)} more than ${node.name} has free.`);
      missingBytes = Math.max(missingBytes, missing);
    }
    stages.push({ node, ...range });
  }
  if (problems.length > 0) {
    const suggestions = ['Leave the stages to the planner, or change what is named here.'];
    return { kind: 'refused', missingBytes, reasons: problems, suggestions };
  }
  const placed = placedOf(stages, context);
  const level = { soloShare: 1, allowsReluctantHops: true };
  const warnings = warn({ placed, stages, level, nodes, links, costs, wish: input.wish });
  return { ...placed, reasons: ['The stages are where the node that asked for them put them.', ...placed.reasons], warnings };
}

function isLoaded({ from, to }: StageRange, node: PlannerNode, model: ModelId): boolean {
  return node.loaded?.some((stage) => stage.model === model && stage.from === from && stage.to === to) ?? false;
}

function rangeProblems(stages: readonly StageRange[], { boundaries, layerCount }: ModelCosts): string[] {
  const problems: string[] = [];
  let at = 0;
  for (const { from, to } of stages) {
    if (from !== at) problems.push(`A stage begins at layer ${from}; the one before it ends at ${at}.`);
    if (to <= from || !boundaries.includes(to))
      problems.push(`The model cannot be cut at layer ${to}. Allowed: ${boundaries.slice(1).join(', ')}.`);
    at = to;
  }
  if (at !== layerCount) problems.push(`The stages end at layer ${at}; the model has ${layerCount}.`);
  return problems;
}
