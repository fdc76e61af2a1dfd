import { peerId, silentLogger } from '@pippa/core';
import { AdmissionError, InviteCodeError, type MembershipStatus, type MeshNode } from '@pippa/mesh';
import { describe, expect, it } from 'vitest';
import { enterMesh, type AskStranger, type StrangerAnswer } from '../src/mesh/enter-mesh.ts';

/** A node that hears one mesh or none, and that can be let in by `CODE`, or by a person if there is one. */
class FakeNode {
  membership: MembershipStatus = { kind: 'stranger' };
  readonly done: string[] = [];
  readonly #hears: boolean;
  readonly #approves: boolean;

  constructor({ hears = false, approves = false }) {
    this.#hears = hears;
    this.#approves = approves;
  }

  async seek() {
    this.done.push('seek');
    return this.#hears ? [{ tag: 'other', members: [{ peer: peerId('12D3KooWanna'), addresses: [] }] }] : [];
  }

  async found() {
    this.done.push('found');
  }

  async join(code: string) {
    this.done.push(`join ${code}`);
    if (code !== 'CODE') throw new InviteCodeError('The code was mistyped.');
  }

  async askToJoin() {
    this.done.push('ask');
    if (!this.#approves) throw new AdmissionError('Nobody let this node in.', 'not_approved');
  }
}

async function enter(
  node: FakeNode,
  answers?: readonly StrangerAnswer[],
  options: { beginNew?: boolean; hasPeers?: boolean } = {},
) {
  const complaints: (string | undefined)[] = [];
  const left = [...(answers ?? [])];
  const askStranger: AskStranger = async (complaint) => {
    complaints.push(complaint);
    const answer = left.shift();
    if (answer === undefined) throw new Error('asked too often');
    return answer;
  };
  const { decided } = await enterMesh({
    node: node as unknown as MeshNode,
    beginNew: false,
    hasPeers: false,
    askStranger: answers === undefined ? undefined : askStranger,
    logger: silentLogger,
    signal: new AbortController().signal,
    ...options,
  });
  await decided;
  return { done: node.done, complaints };
}

describe('a node without a mesh', () => {
  it('begins one where there is none', async () => {
    expect(await enter(new FakeNode({}))).toMatchObject({ done: ['seek', 'found'] });
  });

  it('begins one at once when told to', async () => {
    expect(await enter(new FakeNode({ hears: true }), [], { beginNew: true })).toMatchObject({ done: ['found'] });
  });

  it('asks to be let in where there is one and nobody at the terminal, or members were named', async () => {
    expect(await enter(new FakeNode({ hears: true, approves: true }))).toMatchObject({ done: ['seek', 'ask'] });
    expect(await enter(new FakeNode({ approves: true }), undefined, { hasPeers: true })).toMatchObject({ done: ['ask'] });
  });

  it('begins one when nobody let it in', async () => {
    expect(await enter(new FakeNode({ hears: true }))).toMatchObject({ done: ['seek', 'ask', 'found'] });
  });

  it('does what the person at the terminal says', async () => {
    const node = () => new FakeNode({ hears: true, approves: true });
    expect((await enter(node(), [{ kind: 'code', code: 'CODE' }])).done).toEqual(['seek', 'join CODE']);
    expect((await enter(node(), [{ kind: 'ask' }])).done).toEqual(['seek', 'ask']);
    expect((await enter(node(), [{ kind: 'new' }])).done).toEqual(['seek', 'found']);
  });

  it('asks again, saying what was wrong', async () => {
    const answers = [{ kind: 'code', code: 'CODR' }, { kind: 'ask' }, { kind: 'code', code: 'CODE' }] as const;
    expect(await enter(new FakeNode({ hears: true }), answers)).toEqual({
      done: ['seek', 'join CODR', 'ask', 'join CODE'],
      complaints: [undefined, 'The code was mistyped.', 'Nobody let this node in.'],
    });
  });

  it('has nothing to do when it is in one', async () => {
    const node = new FakeNode({ hears: true });
    node.membership = { kind: 'member', tag: 'own', open: false };
    expect(await enter(node, [])).toMatchObject({ done: [] });
  });
});
