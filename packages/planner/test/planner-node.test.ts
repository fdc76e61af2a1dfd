import { GIB, modelId, peerId, type LinkFacts, type NodeCard } from '@pippa/core';
import { expect, test } from 'vitest';
import { LOCAL_LINK, plannerNode, SPEED_MODEL } from '../src/index.ts';

function card(facts: Partial<NodeCard> = {}): NodeCard {
  return {
    peer: peerId('studio-id'),
    version: 1,
    name: 'studio',
    agentVersion: '0.1.0',
    protocolVersion: 1,
    platform: 'darwin-arm64',
    chip: 'Apple M2 Ultra',
    memory: { totalBytes: 192 * GIB, budgetBytes: 144 * GIB, freeBytes: 100 * GIB },
    backend: 'Metal',
    memoryBandwidth: 800e9,
    computeRate: 20e12,
    performanceCores: 16,
    power: { source: 'mains' },
    thermalPressure: 'nominal',
    memoryPressure: 'normal',
    load: 0.2,
    models: [],
    stages: [],
    rings: [],
    ...facts,
  };
}

const LINK: LinkFacts = { tier: 1, interfaceType: 'thunderbolt', roundTripMs: { p50: 0.4, p99: 2 }, throughput: 1e9 };

test('a node is what its card and the way to it say', () => {
  expect(plannerNode(card(), LINK)).toEqual({
    peer: 'studio-id',
    name: 'studio',
    budgetBytes: 144 * GIB,
    freeBytes: 100 * GIB,
    memoryBandwidth: 800e9,
    computeRate: 20e12,
    link: LINK,
    power: 'mains',
    load: 0.2,
    models: [],
  });
});

test('a hot node is slower, and says so', () => {
  const hot = plannerNode(card({ thermalPressure: 'serious' }), LOCAL_LINK);
  expect(hot.memoryBandwidth).toBe(600e9);
  expect(hot.computeRate).toBe(15e12);
  expect(hot.remark).toContain('75% as fast');
});

test('a node that is about to switch itself off takes nothing', () => {
  const overheated = plannerNode(card({ thermalPressure: 'critical' }), LOCAL_LINK);
  expect(overheated).toMatchObject({ freeBytes: 0, remark: 'is too hot and takes no more' });
});

test('a node that is nearly out of battery takes nothing; on mains it may charge', () => {
  const power = { source: 'battery', batteryPercent: 8 } as const;
  expect(plannerNode(card({ power }), LINK)).toMatchObject({ freeBytes: 0, remark: expect.stringContaining('low on battery') });
  expect(plannerNode(card({ power: { ...power, batteryPercent: 40 } }), LINK).freeBytes).toBe(100 * GIB);
  expect(plannerNode(card({ power: { source: 'mains', batteryPercent: 8 } }), LINK).freeBytes).toBe(100 * GIB);
});

test('a node that is short of memory takes nothing, whatever it says is free', () => {
  expect(plannerNode(card({ memoryPressure: 'critical' }), LOCAL_LINK)).toMatchObject({
    freeBytes: 0,
    remark: expect.stringContaining('short of memory'),
  });
});

test('what was not measured is taken to be little, and free memory to be within the budget', () => {
  const unknown = plannerNode(card({ memoryBandwidth: 0, computeRate: 0 }), LOCAL_LINK);
  expect(unknown.memoryBandwidth).toBe(SPEED_MODEL.unknownBandwidth);
  expect(unknown.computeRate).toBeGreaterThan(0);
  const boasting = card({ memory: { totalBytes: 16 * GIB, budgetBytes: 10 * GIB, freeBytes: 50 * GIB } });
  expect(plannerNode(boasting, LOCAL_LINK).freeBytes).toBe(10 * GIB);
});

test('only models that are there whole count as there', () => {
  const model = { id: modelId('a'.repeat(64)), name: 'a', fileBytes: 10, layerCount: 2, presentBytes: 10 };
  const part = { ...model, id: modelId('b'.repeat(64)), presentBytes: 9 };
  expect(plannerNode(card({ models: [model, part] }), LOCAL_LINK).models).toEqual([model.id]);
});
