import { peerId, ringId, slot, systemClock } from '@pippa/core';
import { MemoryNetwork, type MemoryMesh } from '@pippa/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { RingChain, type ChainLoss, type LinkOptions } from '../src/chain/ring-chain.ts';
import { StageConnection, type StageOpening } from '../src/chain/stage-connection.ts';
import { Linker } from '../src/ring/linker.ts';
import { MODEL } from './support/house.ts';
import { ScriptedHost } from './support/scripted-host.ts';

const OPENING: Omit<StageOpening, 'from' | 'to' | 'index'> = {
  ring: ringId('ring'),
  epoch: 0,
  model: MODEL,
  layerCount: 8,
  stageCount: 2,
  contextCells: 64,
  parallelSequences: 4,
  maxRows: 16,
  activations: 'f32',
  ownCells: false,
  stagesHere: 1,
  expectedBytes: 0,
  spare: false,
};

describe('linking', () => {
  let network: MemoryNetwork;
  let conductor: MemoryMesh;
  const lost: ChainLoss[] = [];
  const onLost = (loss: ChainLoss): void => void lost.push(loss);
  const options: LinkOptions = {
    caches: ['empty', 'empty'],
    gap: undefined,
    firstStep: 1,
    journals: false,
    clock: systemClock,
    linkMs: 10_000,
    onLost,
  };
  beforeEach(() => {
    network = new MemoryNetwork();
    conductor = network.node('conductor');
    lost.length = 0;
  });

  async function stage(name: string, index: number): Promise<[ScriptedHost, StageConnection]> {
    const host = new ScriptedHost(network.node(name));
    const opening = { ...OPENING, index, from: 4 * index, to: 4 * index + 4 };
    const { signal } = new AbortController();
    return [host, await StageConnection.open(conductor, peerId(name), opening, { name, signal })];
  }

  it('fails where a stage loses its way to the next one before that one is linked', async () => {
    const [a, first] = await stage('a', 0);
    const [b, last] = await stage('b', 1);
    a.whenLinked((host, epoch) => {
      host.say({ kind: 'linked', epoch, journal: [] });
      host.say({ kind: 'failure', epoch, index: 1, code: 'link_lost', message: 'The way to b was lost.' });
    });
    b.whenLinked((host, epoch) => void setImmediate(() => host.say({ kind: 'linked', epoch, journal: [] })));
    await expect(RingChain.link([first, last], 1, options)).rejects.toMatchObject({ name: 'LinkFailedError', suspect: 'b' });
  });

  it('empties a cache next time whose stage said meanwhile that it is not to be trusted', async () => {
    const [a, first] = await stage('a', 0);
    const [, last] = await stage('b', 1);
    const linker = new Linker({ ring: OPENING.ring, mesh: conductor, clock: systemClock, linkMs: 10_000, checkpointTokens: 1 });
    await linker.link([first, last], onLost, { kept: new Map(), versions: new Map(), lastStep: 0, journals: false });
    const carried = { kept: new Map([[slot(0), 10]]), versions: new Map([[slot(0), 1]]), lastStep: 5, journals: false };
    a.whenLinked((host, epoch) => {
      host.say({ kind: 'failure', epoch, index: 0, code: 'decode_failed', message: 'A step that was under way failed.' });
      host.say({ kind: 'linked', epoch, journal: [] });
    });
    await expect(linker.link([first, last], onLost, carried)).rejects.toMatchObject({ name: 'LinkFailedError', spoiled: first });
    expect(a.link).toMatchObject({ cache: 'keep' });
    a.whenLinked((host, epoch) => host.say({ kind: 'linked', epoch, journal: [] }));
    await linker.link([first, last], onLost, carried);
    expect(a.link).toMatchObject({ cache: 'empty' });
  });

  it('does not count on what a spare lost on its way to become a stage', async () => {
    const [, first] = await stage('a', 0);
    const [b, last] = await stage('b', 1);
    const [d, spare] = await stage('d', 1);
    const linker = new Linker({ ring: OPENING.ring, mesh: conductor, clock: systemClock, linkMs: 10_000, checkpointTokens: 1 });
    const none = { kept: new Map(), versions: new Map(), lastStep: 0, journals: false };
    await linker.link([first, last], onLost, none);
    const certain = { kept: new Map([[slot(0), 10]]), versions: new Map([[slot(0), 1]]), lastStep: 5, journals: false };
    linker.checkpoint([first, last], [spare], certain);
    await expect.poll(() => b.heard.at(-1)).toMatchObject({ kind: 'checkpoint', from: 0, to: 10 });
    d.say({ kind: 'checkpointed', slot: slot(0), version: 1, length: 10 });
    await new Promise((resolve) => setImmediate(resolve));
    d.whenLinked((host, epoch) => {
      host.say({ kind: 'checkpointed', slot: slot(0), version: 1, length: 0 });
      host.say({ kind: 'linked', epoch, journal: [] });
    });
    await expect(linker.link([first, spare], onLost, certain)).rejects.toMatchObject({ name: 'LinkFailedError' });
    const { carried } = await linker.link([first, spare], onLost, certain);
    expect(carried.kept).toEqual(new Map());
    expect(d.link).toMatchObject({ cache: 'empty' });
  });
});
