import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger, systemClock, type FrameStream, type Mesh, type ModelId } from '@pippa/core';
import { MemoryNetwork } from '@pippa/testing';
import { createLibrary, createModelStore, type Library, type ModelStore, type ModelStoreOptions } from '../../src/index.ts';
import type { Disk } from './disk.ts';

/** What a node received as payload, by peer. */
export type Received = Map<string, number>;

export interface Node {
  readonly name: string;
  readonly own: string;
  readonly library: Library;
  readonly store: ModelStore;
  readonly received: Received;
  readonly warnings: string[];
  /** Tells the others what is here. */
  advertise(): void;
}

export interface NodeOptions extends Partial<ModelStoreOptions> {
  /** What happens to streams that others opened to this node. */
  readonly tamper?: (stream: FrameStream) => FrameStream;
}

/** Nodes with a folder each on one disk, over a mesh in memory. */
export class House {
  readonly network = new MemoryNetwork();
  readonly disk: Disk;
  readonly #running: ModelStore[] = [];

  constructor(disk: Disk) {
    this.disk = disk;
  }

  async node(name: string, options: NodeOptions = {}): Promise<Node> {
    const folder = this.disk.path(name);
    const own = join(folder, 'models');
    await mkdir(own, { recursive: true });
    const received: Received = new Map();
    const warnings: string[] = [];
    const mesh = counting(this.network.node(name), received, options.tamper);
    const logger = {
      ...silentLogger,
      warn: (fields: object, text: string) => void warnings.push(`${text} ${JSON.stringify(fields)}`),
    };
    const library = createLibrary({
      places: [{ kind: 'own', directory: own }],
      memoryPath: join(folder, 'library.json'),
      clock: systemClock,
      logger,
    });
    const store = createModelStore({
      library,
      mesh,
      piecesDirectory: join(folder, 'pieces'),
      tablesDirectory: join(folder, 'tables'),
      ownDirectory: own,
      clock: systemClock,
      logger,
      random: () => 0,
      direct: false,
      ...options,
    });
    await store.start();
    this.#running.push(store);
    const advertise = (): void => mesh.updateCard({ models: store.list() });
    advertise();
    store.onChanged(advertise);
    return { name, own, library, store, received, warnings, advertise };
  }

  async stop(): Promise<void> {
    for (const store of this.#running.splice(0)) await store.stop();
  }

  /** Bytes that the node's disk has taken for pieces. */
  async piecesOnDisk(name: string, id: ModelId): Promise<number> {
    const folder = this.disk.path(`${name}/pieces/${id}`);
    let bytes = 0;
    for (const file of await readdir(folder)) if (file.endsWith('.gguf')) bytes += (await stat(join(folder, file))).blocks * 512;
    return bytes;
  }
}

export const total = (received: Received): number => [...received.values()].reduce((sum, bytes) => sum + bytes, 0);

function counting(mesh: Mesh, received: Received, tamper?: (stream: FrameStream) => FrameStream): Mesh {
  return new Proxy(mesh, {
    get(target, key) {
      if (key === 'open')
        return async (...words: Parameters<Mesh['open']>) => {
          const stream = await target.open(...words);
          const { onFrame } = stream;
          stream.onFrame = (consumer) =>
            onFrame.call(stream, (frame) => {
              received.set(stream.peer, (received.get(stream.peer) ?? 0) + frame.payload.length);
              consumer(frame);
            });
          return stream;
        };
      if (key === 'handle' && tamper !== undefined)
        return (protocol: string, handler: (stream: FrameStream) => void) =>
          target.handle(protocol, (stream) => handler(tamper(stream)));
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
