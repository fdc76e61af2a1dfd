import { peerId } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import type { MeshState } from '../src/mesh/mesh-administration.ts';
import { watchNotices, type MeshNotice } from '../src/mesh/notices.ts';
import { meshFacts, noticeLine } from '../src/views/mesh-lines.ts';
import { FakeAdministration } from './support/fake-administration.ts';
import { samplePeer } from './support/sample-report.ts';

const plain = (_style: unknown, text: string): string => text;

function watched(mesh: FakeAdministration): string[] {
  const lines: string[] = [];
  watchNotices(mesh, (notice: MeshNotice) => lines.push(noticeLine(notice, plain)));
  return lines;
}

describe('what the terminal is told', () => {
  it('is who comes, goes and comes back; not who is there already, and not who is silent for a moment', () => {
    const mesh = new FakeAdministration();
    mesh.currentPeers = [samplePeer('ben')];
    mesh.waiting = [];
    const lines = watched(mesh);
    mesh.changed([samplePeer('ben'), samplePeer('carl')]);
    mesh.changed([samplePeer('ben', { state: 'suspect' }), samplePeer('carl')]);
    mesh.changed([samplePeer('ben'), samplePeer('carl')]);
    mesh.changed([samplePeer('ben', { state: 'dead' }), samplePeer('carl')]);
    mesh.changed([samplePeer('ben'), samplePeer('carl')]);
    expect(lines).toEqual([
      '+ carl is here test chip, 12.0 GB for models',
      '- ben is gone',
      '+ ben is back test chip, 12.0 GB for models',
    ]);
  });

  it('is nothing of a peer until its card has come, nor of one that never was there', () => {
    const mesh = new FakeAdministration();
    mesh.currentPeers = [];
    mesh.waiting = [];
    const lines = watched(mesh);
    const ben = samplePeer('ben');
    mesh.changed([{ ...ben, card: undefined }]);
    mesh.changed([{ ...ben, card: undefined, state: 'dead' }]);
    expect(lines).toEqual([]);
    mesh.changed([ben]);
    expect(lines).toEqual(['+ ben is here test chip, 12.0 GB for models']);
  });

  it('is who waits to be let in, once for each try', () => {
    const mesh = new FakeAdministration();
    mesh.waiting = [];
    const lines = watched(mesh);
    const join = { peer: peerId('12D3KooWdora'), name: "dora's mac", words: 'apple river' };
    mesh.waiting = [join];
    mesh.changed([]);
    mesh.changed([]);
    mesh.waiting = [{ ...join, words: 'stone oak' }];
    mesh.changed([]);
    expect(lines.filter((line) => line.startsWith('?'))).toEqual([
      `? dora's mac wants to join and shows the words apple river. Same words there? pippa-agent approve "dora's mac"`,
      `? dora's mac wants to join and shows the words stone oak. Same words there? pippa-agent approve "dora's mac"`,
    ]);
  });

  it('is that this node asks, and is let in', () => {
    const mesh = new FakeAdministration();
    mesh.membership = { kind: 'stranger' };
    const lines = watched(mesh);
    mesh.membership = { kind: 'asking', words: 'apple river' };
    mesh.changed([]);
    mesh.membership = { kind: 'member', open: false, missesOthers: false };
    mesh.changed([]);
    expect(lines).toEqual([
      expect.stringMatching(/^\? Asks to be let in, with the words apple river\. .*approve "Anna's Mac Studio"$/),
      '+ This node is in the mesh',
    ]);
  });
});

describe('the banner', () => {
  function facts(change: (mesh: FakeAdministration) => void): string {
    const administration = new FakeAdministration();
    administration.currentPeers = [];
    change(administration);
    const state: MeshState = { state: 'on', administration };
    return meshFacts(state, plain).join('\n');
  }

  it.each<[what: string, change: (mesh: FakeAdministration) => void, expected: RegExp]>([
    ['nobody else', () => undefined, /^Anna's Mac Studio alone so far; `pippa-agent invite`/],
    ['peers', (mesh) => (mesh.currentPeers = [samplePeer('ben'), samplePeer('carl')]), /^Anna's Mac Studio with ben, carl$/],
    [
      'many',
      (mesh) => (mesh.currentPeers = 'abcdefgh'.split('').map((name) => samplePeer(name))),
      /with a, b, c, d, e, f, 2 more$/,
    ],
    [
      'companions that are missing',
      (mesh) => (mesh.membership = { kind: 'member', open: false, missesOthers: true }),
      /nobody else of it is found yet.*doctor/,
    ],
    ['an open mesh', (mesh) => (mesh.membership = { kind: 'member', open: true, missesOthers: false }), /\nOPEN: whoever/],
    ['a mesh that this node is not in', (mesh) => (mesh.membership = { kind: 'stranger' }), /in none yet/],
    ['waiting', (mesh) => (mesh.membership = { kind: 'asking', words: 'oak' }), /waits to be let in.* oak.*approve/],
  ])('tells of %s', (_what, change, expected) => {
    expect(facts(change)).toMatch(expected);
  });

  it('tells why there is no mesh', () => {
    const { card } = new FakeAdministration();
    expect(meshFacts({ state: 'off', reason: 'x', card }, plain)).toEqual(['off']);
    expect(meshFacts({ state: 'failed', reason: 'port taken.', card }, plain)[0]).toMatch(/not there: port taken\..*doctor/);
  });
});
