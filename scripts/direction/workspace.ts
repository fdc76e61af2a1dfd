import { glob, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { importedSpecifiers } from './imports.ts';

export interface PackageJson {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export interface SourceFile {
  /** From the repository's root, with `/`. */
  readonly path: string;
  readonly specifiers: readonly string[];
}

export interface WorkspacePackage {
  /** The directory's name: `core`, `gguf`, ..., `agent`. */
  readonly name: string;
  /** From the repository's root, with `/`. */
  readonly directory: string;
  readonly manifest: PackageJson;
  readonly sources: readonly SourceFile[];
  readonly tests: readonly SourceFile[];
}

/** The workspace's packages with what their files import, and the development code outside of them. */
export interface Workspace {
  readonly manifest: PackageJson;
  readonly packages: readonly WorkspacePackage[];
}

async function readJson(path: string): Promise<PackageJson> {
  return JSON.parse(await readFile(path, 'utf8')) as PackageJson;
}

async function sourceFiles(root: string, directory: string): Promise<SourceFile[]> {
  const paths = await Array.fromAsync(glob(`${directory}/**/*.{ts,mts,mjs}`, { cwd: root }));
  return Promise.all(
    paths.toSorted().map(async (path) => ({
      path: path.replaceAll('\\', '/'),
      specifiers: importedSpecifiers(await readFile(join(root, path), 'utf8')),
    })),
  );
}

export async function readWorkspace(root: string): Promise<Workspace> {
  const manifests = await Array.fromAsync(glob(['packages/*/package.json', 'agent/package.json'], { cwd: root }));
  const packages = manifests.toSorted().map(async (path): Promise<WorkspacePackage> => {
    const directory = path.replaceAll('\\', '/').replace(/\/package\.json$/, '');
    const [manifest, sources, bin, tests] = await Promise.all([
      readJson(join(root, path)),
      sourceFiles(root, `${directory}/src`),
      sourceFiles(root, `${directory}/bin`),
      sourceFiles(root, `${directory}/test`),
    ]);
    return { name: basename(directory), directory, manifest, sources: [...sources, ...bin], tests };
  });
  return { manifest: await readJson(join(root, 'package.json')), packages: await Promise.all(packages) };
}
