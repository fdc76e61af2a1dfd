import { join } from 'node:path';
import { silentLogger, systemClock, type Mesh } from '@pippa/core';
import { createLibrary, createModelStore, type ModelStore } from '@pippa/models';

/** The store of a node whose whole models lie in `<directory>/models`, over loopback. Not started. */
export function openStore(
  mesh: Mesh,
  directory: string,
  uploadBytesPerSecond: () => number = () => Infinity,
  direct = true,
): ModelStore {
  const models = join(directory, 'models');
  const library = createLibrary({
    places: [{ kind: 'own', directory: models }],
    memoryPath: join(directory, 'library.json'),
    clock: systemClock,
    logger: silentLogger,
  });
  return createModelStore({
    library,
    mesh,
    piecesDirectory: join(directory, 'pieces'),
    tablesDirectory: join(directory, 'tables'),
    ownDirectory: models,
    clock: systemClock,
    logger: silentLogger,
    random: () => 0,
    uploadBytesPerSecond,
    direct: direct && { host: '127.0.0.1', addresses: () => ['127.0.0.1'] },
  });
}
