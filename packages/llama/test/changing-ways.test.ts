import type { DirectOffer, StageInfo, WayTrouble } from '@pippa/core';
import { connectDirect, openDirect } from '@pippa/direct';
import { SlowWay } from '@pippa/testing/slow-way';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DirectWays } from '../src/direct-ways.ts';
import { StepQueue } from '../src/step-queue.ts';

const INFO: StageInfo = {
  from: 0,
  to: 4,
  layerCount: 8,
  embeddingLength: 4,
  vocabularySize: 100,
  contextCells: 64,
  parallelSequences: 4,
  maxRows: 16,
  canTruncate: true,
  memoryBytes: { weights: 1, context: 1, compute: 1 },
  backend: 'none',
};

function waysOf(troubles: WayTrouble[] = []): DirectWays {
  const ways = new DirectWays(INFO, { queue: new StepQueue(() => {}), onTrouble: (trouble) => troubles.push(trouble) });
  onTestFinished(() => ways.close());
  return ways;
}

const handing = (epoch: number) => ({ epoch, activations: 'f32', copies: false, heldBelow: 0 }) as const;
const taking = (epoch: number) => ({ epoch, activations: 'f32', firstStep: 1 }) as const;

async function door(onFrame: () => void = () => {}) {
  const receiver = await openDirect({ maxFrameBytes: 1000, onFrame });
  onTestFinished(() => receiver.close());
  return receiver;
}

async function slowly(offer: DirectOffer): Promise<[SlowWay, DirectOffer]> {
  const way = await SlowWay.to(offer.port);
  onTestFinished(() => way.close());
  return [way, way.instead(offer)];
}

describe('a stage that is given other ways while it still opens those of before', () => {
  it('keeps the way out that it was told of last', async () => {
    const ways = waysOf();
    const [before, after] = [await door(), await door()];
    const [way, offer] = await slowly(before.offer);
    const first = ways.hand(offer, handing(1));
    await way.entered;
    expect(await ways.hand(after.offer, handing(2))).toBe(true);
    way.open();
    expect(await first).toBe(false);
    const came = Promise.race([after.closed.then(() => 'lost'), before.closed.then(() => 'given up')]);
    expect(await came).toBe('given up');
  });

  it('opens none out any more once its ways were closed', async () => {
    const ways = waysOf();
    const receiver = await door();
    const [way, offer] = await slowly(receiver.offer);
    const handed = ways.hand(offer, handing(1));
    await way.entered;
    ways.close();
    way.open();
    expect(await handed).toBe(false);
  });

  it('listens for nobody any more once its ways were closed', async () => {
    const ways = waysOf();
    const taken = ways.take(taking(1)).catch(() => undefined);
    ways.close();
    const offer = await taken;
    expect(offer === undefined ? undefined : await connectDirect(offer, 500)).toBeUndefined();
  });

  it('listens for the neighbour of the last epoch alone', async () => {
    const ways = waysOf();
    const [before, after] = await Promise.all([1, 2].map((epoch) => ways.take(taking(epoch)).catch(() => undefined)));
    expect(before === undefined ? undefined : await connectDirect(before, 500)).toBeUndefined();
    const sender = after === undefined ? undefined : await connectDirect(after, 5000);
    expect(sender).toBeDefined();
    sender?.close();
  });
});
