/** The URL of a worker's entry file: TypeScript beside this file in the repository, JavaScript beside the bundle when published. */
export function workerUrl(name: string): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./${name}.${extension}`, import.meta.url);
}
