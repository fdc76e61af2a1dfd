/**
 * Where the entry file of a worker thread lies: TypeScript beside the file that asks (`base`, its `import.meta.url`) in the repository,
 * JavaScript beside the bundle when published. `name`: without the ending.
 */
export function workerFile(name: string, base: string): URL {
  return new URL(`./${name}.${base.endsWith('.ts') ? 'ts' : 'js'}`, base);
}
