import type { Step } from '@pippa/core';

/**
 * Rows of a step in groups that the engine takes as one: a recurrent model's micro-batch has the same number of rows for each of its
 * sequences, and the engine would cut and reorder a mixed batch by itself. In each group rows are by slot, a slot's in their order.
 */
export function equalRowGroups(slots: Int32Array): Int32Array[] {
  const rowsOfSlot = new Map<number, number[]>();
  for (const [row, slot] of slots.entries()) {
    const rows = rowsOfSlot.get(slot);
    if (rows === undefined) rowsOfSlot.set(slot, [row]);
    else rows.push(row);
  }
  const groups = new Map<number, number[]>();
  for (const rows of rowsOfSlot.values()) groups.set(rows.length, [...(groups.get(rows.length) ?? []), ...rows]);
  return [...groups.values()].map((rows) => Int32Array.from(rows));
}

/** Some rows of a step as a step of its own; `outputPlaces`: which of the whole step's outputs its outputs are. */
export function takeRows(step: Step, rows: Int32Array): { readonly step: Step; readonly outputPlaces: readonly number[] } {
  const pick = (values: Int32Array): Int32Array => rows.map((row) => values[row] as number);
  const outputs = step.outputs
    .map((output, place) => ({ place, output: { ...output, row: rows.indexOf(output.row) } }))
    .filter(({ output }) => output.row >= 0);
  return {
    step: {
      ...step,
      slots: pick(step.slots),
      positions: pick(step.positions),
      tokens: pick(step.tokens),
      outputs: outputs.map(({ output }) => output),
    },
    outputPlaces: outputs.map(({ place }) => place),
  };
}

/** `rows` of hidden states that are `width` values each, one after the other. */
export function gatherRows(hidden: Float32Array, rows: Int32Array, width: number): Float32Array {
  const gathered = new Float32Array(rows.length * width);
  for (const [place, row] of rows.entries()) gathered.set(hidden.subarray(row * width, (row + 1) * width), place * width);
  return gathered;
}

/** Puts gathered rows back where they belong. */
export function scatterRows(gathered: Float32Array, rows: Int32Array, target: Float32Array, width: number): void {
  for (const [place, row] of rows.entries()) target.set(gathered.subarray(place * width, (place + 1) * width), row * width);
}
