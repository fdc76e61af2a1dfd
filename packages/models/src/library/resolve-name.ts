import { didYouMean } from '@pippa/core';
import { NoSuchModelError } from '../errors.ts';
import type { LibraryEntry } from './library-entry.ts';

/** Names that are listed in an error; more are no help. */
const MAX_LISTED = 20;

/** Says that the text is meant as a file, not as a name: `org/repo:quant` is a name. */
export function looksLikePath(text: string): boolean {
  return /\.gguf$/i.test(text) || /^(?:[./~\\]|[a-z]:\\)/i.test(text) || text.includes('\\');
}

/**
 * The entry of that name: its own, an alias, or the part before `:` when only one quantisation of it is there (or `Q4_K_M` among
 * several), or with other marks between its words: `llama-3-8b-q4_0` is `llama-3-8B:Q4_0`. Earlier entries win. Undefined: none.
 */
export function findByName<Entry extends Pick<LibraryEntry, 'name' | 'aliases'>>(
  asked: string,
  entries: readonly Entry[],
): Entry | undefined {
  const wanted = asked
    .trim()
    .replace(/^(?:hf|ollama):/i, '')
    .toLowerCase();
  const exact =
    entries.find((entry) => entry.name.toLowerCase() === wanted) ??
    entries.find((entry) => entry.aliases.some((alias) => alias.toLowerCase() === wanted));
  if (exact !== undefined) return exact;
  const family = entries.filter((entry) =>
    [entry.name, ...entry.aliases].some((name) => name.includes(':') && withoutTag(name).toLowerCase() === wanted),
  );
  return (
    family.find((entry) => /:Q4_K_M$/i.test(entry.name)) ??
    family[0] ??
    entries.find((entry) => wordsOf(entry.name) === wordsOf(wanted))
  );
}

function wordsOf(name: string): string {
  return name.toLowerCase().replaceAll(/[-_:. ]+/g, ' ');
}

function withoutTag(name: string): string {
  return name.slice(0, name.lastIndexOf(':'));
}

/** The error for a name that nothing has. */
export function noSuchModel(asked: string, entries: readonly LibraryEntry[], ownDirectory: string): NoSuchModelError {
  const names = [...new Set(entries.map((entry) => entry.name))];
  const near = didYouMean(asked, [...names, ...entries.flatMap((entry) => entry.aliases)]);
  const listed = names.length === 0 ? 'none' : names.slice(0, MAX_LISTED).join(', ');
  const more = names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : '';
  return new NoSuchModelError(`There is no model "${asked}".${near}`, {
    hint: `Models here: ${listed}${more}. Give the path of a .gguf file, put it into ${ownDirectory}, or get it with pippa-agent pull.`,
  });
}
