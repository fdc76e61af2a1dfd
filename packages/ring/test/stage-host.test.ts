import { peerId, ringId, silentLogger, type StageRunner } from '@pippa/core';
import { MemoryNetwork } from '@pippa/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { StageConnection, type StageFailure, type StageOpening } from '../src/chain/stage-connection.ts';
import { StageHost, type LoadControl, type StageLoader, type StageOrder } from '../src/index.ts';
import { MODEL } from './support/house.ts';
import { SimulatedLoader } from './support/simulated-stage.ts';
import { SimulatedTime } from './support/simulated-time.ts';

const OPENING: StageOpening = {
  ring: ringId('ring'),
  epoch: 0,
  model: MODEL,
  from: 0,
  to: 4,
  layerCount: 12,
  index: 0,
  stageCount: 3,
  contextCells: 64,
  parallelSequences: 4,
  maxRows: 16,
  activations: 'f32',
  ownCells: false,
  stagesHere: 1,
  expectedBytes: 0,
  spare: false,
};

/** Unloading takes a while, as it does in a thread. */
class SlowlyUnloading implements StageLoader {
  readonly #loader = new SimulatedLoader(4);

  async load(order: StageOrder, control: LoadControl): Promise<StageRunner> {
    const runner = await this.#loader.load(order, control);
    const unload = runner[Symbol.asyncDispose].bind(runner);
    runner[Symbol.asyncDispose] = async () => {
      for (let turn = 0; turn < 20; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
      await unload();
    };
    return runner;
  }
}

describe('a host of stages', () => {
  let network: MemoryNetwork;
  let time: SimulatedTime;
  let host: StageHost;
  const opened = (opening: StageOpening): Promise<StageConnection> => {
    const conductor = network.find(peerId('conductor')) ?? network.node('conductor');
    return StageConnection.open(conductor, peerId('host'), opening, { name: 'host', signal: new AbortController().signal });
  };
  const start = async (loader: StageLoader, onStagesChanged: () => void = () => {}): Promise<void> => {
    network = new MemoryNetwork();
    time = new SimulatedTime();
    host = new StageHost({ mesh: network.node('host'), loader, clock: time, logger: silentLogger, onStagesChanged });
    await host.start();
  };
  afterEach(() => host.stop());

  it('tells of the memory that a stage of a lost conductor took, once it is free', async () => {
    const loader = new SimulatedLoader(4);
    let told = -1;
    await start(loader, () => {
      told = loader.loaded;
    });
    await opened(OPENING);
    expect(told).toBe(1);
    network.kill(peerId('conductor'));
    expect(await time.run(() => loader.loaded === 0, 30_000)).toBe(true);
    await time.run(() => host.count === 0, 1000);
    expect(told).toBe(0);
  });

  it('says nothing of a way of an epoch that is over', async () => {
    await start(new SimulatedLoader(4));
    const stage = await opened(OPENING);
    const failures: StageFailure[] = [];
    stage.listen({ onResult: () => {}, onReplayed: () => {}, onFailure: (failure) => failures.push(failure) });
    const link = {
      index: 0,
      stageCount: 3,
      results: null,
      cache: 'empty',
      journals: false,
      firstStep: 1,
      endsReplay: false,
    } as const;
    // The way to a node that is gone, and then, before that shows, the end of the ring.
    stage.link({ ...link, epoch: 1, next: { peer: peerId('gone'), to: 8 } }).catch(() => {});
    expect(await stage.link({ ...link, epoch: 2, next: null })).toMatchObject({ kind: 'linked' });
    expect(failures).toEqual([]);
  });

  it('waits for the memory of a stage that is just being unloaded', async () => {
    await start(new SlowlyUnloading());
    const before = await opened(OPENING);
    const closed = before.close();
    const after = await opened({ ...OPENING, from: 4, to: 8 });
    expect(after.info).toMatchObject({ from: 4, to: 8 });
    await closed;
  });

  it('counts as free what is being unloaded: whoever wants it waits for it', async () => {
    const told: number[] = [];
    await start(new SlowlyUnloading(), () => told.push(host.reclaimableBytes));
    const stage = await opened(OPENING);
    expect(told).toEqual([0]);
    await stage.close();
    await time.run(() => host.count === 0, 1000);
    expect(told).toEqual([0, 4000, 0]);
  });

  it('refuses what has no room beside what stays', async () => {
    await start(new SlowlyUnloading());
    await opened(OPENING);
    await expect(opened({ ...OPENING, from: 4, to: 8 })).rejects.toMatchObject({ code: 'out_of_memory' });
  });
});
