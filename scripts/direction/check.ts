import { posix } from 'node:path';
import { packageOf } from './imports.ts';
import { RESERVED, TESTING, layerOf } from './rules.ts';
import type { SourceFile, Workspace, WorkspacePackage } from './workspace.ts';

const SCOPE = '@pippa/';

/** Every breach of the dependency direction, one sentence each; empty when all is well. */
export function checkDirection(workspace: Workspace): string[] {
  const names = new Set(workspace.packages.map((item) => item.name));
  return workspace.packages.flatMap((item) => [
    ...unknownPackage(item),
    ...item.sources.flatMap((file) => [...leavingImports(item, file), ...sourceImports(item, file, names)]),
    ...item.tests.flatMap((file) => [...leavingImports(item, file), ...testImports(item, file, workspace)]),
    ...unusedDependencies(item),
    ...(item.name === 'agent' ? unpublishedDependencies(item, workspace) : []),
  ]);
}

function unknownPackage(item: WorkspacePackage): string[] {
  if (item.name === TESTING || layerOf(item.name) !== undefined) return [];
  return [`${item.directory}: the package "${item.name}" has no layer; give it one in scripts/direction/rules.ts`];
}

/** Relative paths stay inside the package: another package is reached through its name and its index. */
function leavingImports(item: WorkspacePackage, file: SourceFile): string[] {
  return file.specifiers
    .filter((specifier) => specifier.startsWith('.'))
    .filter((specifier) => !posix.join(posix.dirname(file.path), specifier).startsWith(`${item.directory}/`))
    .map((specifier) => `${file.path}: "${specifier}" leaves the package; import it by its name`);
}

function sourceImports(item: WorkspacePackage, file: SourceFile, names: ReadonlySet<string>): string[] {
  const runtime = runtimeDependencies(item);
  // The workspace's packages are bundled into the agent: it needs them to build, not to run.
  const scoped = item.name === 'agent' ? dependencyNames(item.manifest.devDependencies) : runtime;
  return importedPackages(file).flatMap((imported) => {
    const forbidden = imported.startsWith(SCOPE)
      ? directedImport(item, file, imported, names)
      : reservedImport(item, file, imported);
    if (forbidden.length > 0) return forbidden;
    return undeclaredImport(item, file, imported, imported.startsWith(SCOPE) ? scoped : runtime);
  });
}

function testImports(item: WorkspacePackage, file: SourceFile, workspace: Workspace): string[] {
  const names = new Set(workspace.packages.map((other) => other.name));
  const declared = [
    ...runtimeDependencies(item),
    ...dependencyNames(item.manifest.devDependencies),
    ...dependencyNames(workspace.manifest.devDependencies),
  ];
  return importedPackages(file)
    .filter((imported) => imported !== SCOPE + TESTING && imported !== item.manifest.name)
    .flatMap((imported) => {
      if (imported.startsWith(SCOPE)) return directedImport(item, file, imported, names);
      return [...reservedImport(item, file, imported), ...undeclaredImport(item, file, imported, declared)];
    });
}

function directedImport(item: WorkspacePackage, file: SourceFile, imported: string, names: ReadonlySet<string>): string[] {
  const target = imported.slice(SCOPE.length);
  if (!names.has(target)) return [`${file.path}: there is no package "${imported}"`];
  if (target === TESTING) return [`${file.path}: "${imported}" is for tests only`];
  if (item.name === TESTING) return [];
  const from = layerOf(item.name);
  const to = layerOf(target);
  if (from === undefined || to === undefined || to < from) return [];
  const why = to === from ? `"${target}" is a sibling; meet through an interface in core` : `"${target}" lies above "${item.name}"`;
  return [`${file.path}: imports "${imported}", but ${why}`];
}

function reservedImport(item: WorkspacePackage, file: SourceFile, imported: string): string[] {
  return RESERVED.filter((rule) => rule.library.test(imported) && rule.owner !== item.name).map(
    (rule) => `${file.path}: only packages/${rule.owner} imports "${imported}"`,
  );
}

function undeclaredImport(item: WorkspacePackage, file: SourceFile, imported: string, declared: readonly string[]): string[] {
  return declared.includes(imported) ? [] : [`${file.path}: "${imported}" is missing in ${item.directory}/package.json`];
}

/** Optional dependencies are found at run time by name, so only plain ones can be called unused. */
function unusedDependencies(item: WorkspacePackage): string[] {
  // The agent lists what the packages bundled into it import, too.
  if (item.name === 'agent') return [];
  const imported = new Set([...item.sources, ...item.tests].flatMap(importedPackages));
  return dependencyNames(item.manifest.dependencies)
    .filter((name) => !imported.has(name))
    .map((name) => `${item.directory}/package.json: "${name}" is never imported`);
}

/** What the bundled packages need from npm must be installed with the agent, in the very same version. */
function unpublishedDependencies(agent: WorkspacePackage, workspace: Workspace): string[] {
  const published = { ...agent.manifest.dependencies, ...agent.manifest.optionalDependencies };
  const bundled = workspace.packages.filter((item) => item.name !== TESTING && item !== agent);
  const missing = bundled.flatMap((item) =>
    Object.entries({ ...item.manifest.dependencies, ...item.manifest.optionalDependencies })
      .filter(([name, version]) => !name.startsWith(SCOPE) && published[name] !== version)
      .map(([name, version]) => `agent/package.json: lacks "${name}": "${version}", which ${item.directory} needs`),
  );
  const scoped = Object.keys(published)
    .filter((name) => name.startsWith(SCOPE))
    .map((name) => `agent/package.json: "${name}" is bundled, not published; it belongs in devDependencies`);
  return [...missing, ...scoped];
}

function importedPackages(file: SourceFile): string[] {
  return [...new Set(file.specifiers.map(packageOf).filter((name) => name !== undefined))];
}

function runtimeDependencies(item: WorkspacePackage): string[] {
  return [...dependencyNames(item.manifest.dependencies), ...dependencyNames(item.manifest.optionalDependencies)];
}

function dependencyNames(dependencies: Readonly<Record<string, string>> | undefined): string[] {
  return Object.keys(dependencies ?? {});
}
