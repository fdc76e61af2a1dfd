import { UsageError } from '../errors.ts';
import { wholeNumber } from '../commands/whole-number.ts';

/** A placement that is to be measured: so many stages wherever the planner puts them, or a stage on each of these nodes. */
export interface AskedPlacement {
  /** `3 stages`, `studio, air` */
  readonly label: string;
  readonly stages: number;
  readonly nodes?: readonly string[];
}

/** `stages`: `1,2,3`. `nodes`: a list of names for each placement. None: as it runs. Throws `UsageError`. */
export function askedPlacements(stages: string | undefined, nodes: readonly string[]): readonly AskedPlacement[] {
  return [
    ...(stages === undefined ? [] : stages.split(',').map((part) => ofCount(wholeNumber('--stages', part.trim(), MOST_STAGES)))),
    ...nodes.map((names) => ofNodes(names)),
  ];
}

const MOST_STAGES = { most: 64 };

function ofCount(stages: number): AskedPlacement {
  return { label: stages === 1 ? '1 stage' : `${stages} stages`, stages };
}

function ofNodes(names: string): AskedPlacement {
  const nodes = nodeNames(names);
  return { label: nodes.join(', '), stages: nodes.length, nodes };
}

/** `studio, air` as its parts. Throws `UsageError` when there are none. */
export function nodeNames(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  const given = names.filter((name) => name !== '');
  if (given.length > 0) return given;
  throw new UsageError(`--nodes: "${text}" names no node.`, { hint: '`pippa-agent status` lists the nodes of the mesh.' });
}
