import { modelId, peerId, type CardModel, type NodeCard } from '@pippa/core';
import { blankCard } from '@pippa/testing';
import { describe, expect, it } from 'vitest';
import { describeHolders, modelsOfPeers } from '../src/library/peer-models.ts';

const model = (id: string, presentBytes: number): CardModel => ({
  id: modelId(id),
  name: `model-${id}`,
  fileBytes: 1000,
  layerCount: 8,
  presentBytes,
});

const card = (name: string, models: readonly CardModel[]): NodeCard => ({ ...blankCard(name), peer: peerId(name), models });

describe('the models of other nodes', () => {
  const cards = [card('mini', [model('b', 255), model('a', 1000)]), card('studio', [model('b', 1000), model('c', 0)])];

  it('are those that are not here, each once, with who has how much', () => {
    const found = modelsOfPeers(cards, new Set(['a']));
    expect(found).toMatchObject([{ id: 'b', name: 'model-b', fileBytes: 1000, layerCount: 8 }]);
    expect(describeHolders(found[0]?.holders ?? [])).toBe('studio, mini (25%)');
  });

  it('are none where nobody has a byte', () => {
    expect(modelsOfPeers(cards, new Set(['a', 'b']))).toEqual([]);
  });
});
