import { ringId, silentLogger } from '@pippa/core';
import { MemoryNetwork } from '@pippa/testing';
import { expect, it } from 'vitest';
import { StageConnection, type StageOpening } from '../src/chain/stage-connection.ts';
import { StageHost } from '../src/index.ts';
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

it('tells of the memory that a stage of a lost conductor took, once it is free', async () => {
  const network = new MemoryNetwork();
  const hosting = network.node('host');
  const time = new SimulatedTime();
  const loader = new SimulatedLoader(Infinity);
  let told = -1;
  const host = new StageHost({
    mesh: hosting,
    loader,
    clock: time,
    logger: silentLogger,
    onStagesChanged: () => {
      told = loader.loaded;
    },
  });
  await host.start();
  const conductor = network.node('conductor');
  await StageConnection.open(conductor, hosting.self, OPENING, { name: 'host', signal: new AbortController().signal });
  expect(told).toBe(1);
  network.kill(conductor.self);
  expect(await time.run(() => loader.loaded === 0, 30_000)).toBe(true);
  await time.run(() => host.count === 0, 1000);
  expect(told).toBe(0);
  await host.stop();
});
