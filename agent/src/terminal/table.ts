import Table from 'cli-table3';
import type { Paint } from './terminal.ts';

const BARE = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
} as const;

/** A table without lines, its head dimmed. Cells may hold colours and several lines. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], paint: Paint): string {
  const table = new Table({
    chars: BARE,
    style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [], compact: true },
    head: head.map((word) => paint('dim', word)),
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
