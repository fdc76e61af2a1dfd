import { isBuiltin } from 'node:module';

// Anchored at the line's start, so that an import named in a comment or a string does not count.
const STATIC_IMPORT = /^[ \t]*(?:import|export)\b(?:[^'"`;]*?\bfrom)?\s*['"]([^'"]+)['"]/gm;
const DYNAMIC_IMPORT = /\b(?:import|import\.meta\.resolve|require|require\.resolve)\(\s*['"]([^'"]+)['"]/g;
const COMMENT = /\/\*[\s\S]*?\*\/|^[ \t]*\/\/.*$/gm;

/** Every module specifier in a TypeScript source, types included, each once. */
export function importedSpecifiers(source: string): string[] {
  const code = source.replaceAll(COMMENT, '');
  const found = [...code.matchAll(STATIC_IMPORT), ...code.matchAll(DYNAMIC_IMPORT)].map((match) => match[1] ?? '');
  return [...new Set(found)];
}

/** `@scope/name` or `name` of a bare specifier; undefined for Node's own modules, relative and `file:` ones. */
export function packageOf(specifier: string): string | undefined {
  if (isBuiltin(specifier) || /^(\.|\/|[a-z]+:)/.test(specifier)) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
