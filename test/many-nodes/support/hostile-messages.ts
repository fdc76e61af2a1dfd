import { DEFAULT_SAMPLER_SETTINGS } from '@pippa/core';

/** What a node may say of such frames: each names what is wrong. */
export const NAMED_CODES: ReadonlySet<string> = new Set([
  'bad_frame',
  'bad_message',
  'frame_too_large',
  'protocol_error',
  'invalid_input',
  'stopped',
  'not_waiting',
  'model_not_here',
  'model_not_found',
  'placement_refused',
]);

const MODEL = 'a'.repeat(64);
const ID = '12D3KooWQzsztAX9rANYuccxukPtuyJyZ46zvr7esceHk5N3HrmP';

/**
 * Good messages of every protocol that a node answers, about models and rings that are not there. `answers`: one question, one answer.
 * The control stream and admission have tests of their own.
 */
export const GOOD_MESSAGES: Readonly<Record<string, { readonly answers?: boolean; readonly headers: readonly unknown[] }>> = {
  'mesh/probe/1': { headers: [0, 'end'] },
  '/pippa/piece-table/1': {
    answers: true,
    headers: [
      { kind: 'manifest', model: MODEL },
      { kind: 'have', model: MODEL },
      { kind: 'table', model: MODEL, from: 0 },
      { kind: 'origin', model: MODEL },
    ],
  },
  '/pippa/pieces/1': {
    headers: [
      { kind: 'open', model: MODEL, digest: MODEL },
      { kind: 'want', pieces: [0, 1, 2] },
      { kind: 'cancel', pieces: [0] },
      { kind: 'direct', secret: new Uint8Array(32) },
      { kind: 'wrong', piece: 1 },
    ],
  },
  '/pippa/stage/1': {
    headers: [
      {
        kind: 'open',
        ring: 'r1',
        model: { id: MODEL, name: 'nothing' },
        from: 0,
        to: 2,
        contextTokens: 128,
        parallelSequences: 1,
        maxRows: 16,
        activations: 'f32',
      },
      {
        kind: 'link',
        epoch: 1,
        index: 0,
        stageCount: 2,
        next: { peer: ID },
        cache: 'empty',
        journals: false,
        firstStep: 0,
        endsReplay: false,
        results: null,
      },
      { kind: 'replay', epoch: 1, slots: [[0, 0, 4]] },
      { kind: 'checkpoint', slot: 0, version: 1, from: 0, to: 4, peer: ID },
    ],
  },
  '/pippa/steps/1': { headers: [{ kind: 'hello', ring: 'r1', epoch: 1, from: 2 }] },
  '/pippa/checkpoint/1': {
    headers: [
      { kind: 'hello', ring: 'r1', from: 0 },
      { kind: 'state', slot: 0, version: 1, from: 0, to: 4 },
    ],
  },
  '/pippa/generate/1': {
    headers: [
      {
        kind: 'generate',
        model: MODEL,
        sampler: { ...DEFAULT_SAMPLER_SETTINGS, logitBias: [] },
        maxTokens: 4,
        logprobs: -1,
        lane: 'interactive',
        alreadyGenerated: 0,
      },
    ],
  },
  '/pippa/ring/1': {
    answers: true,
    headers: [
      { kind: 'down', ring: 'r1', forget: false },
      { kind: 'vacate', ring: 'r1' },
      {
        kind: 'up',
        wish: {
          model: { id: MODEL, name: 'nothing' },
          parallelSequences: 1,
          lane: 'interactive',
          strategy: 'speed',
          activations: 'f32',
        },
        placement: [{ peer: ID, from: 0, to: 2 }],
      },
    ],
  },
  'agent/wall-clock/1': { answers: true, headers: [{}] },
  'agent/waiting/1': { answers: true, headers: [[{ peer: ID, name: 'new', words: 'apple river stone' }]] },
  'agent/approve/1': { answers: true, headers: [{ peer: ID }] },
};
