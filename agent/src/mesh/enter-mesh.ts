import { errorMessage, type Logger } from '@pippa/core';
import { AdmissionError, type MeshNode, type MeshState } from '@pippa/mesh';
import { InterruptedError } from '../errors.ts';

/** What a person says about a mesh that this node is not in. `ask`: wait until somebody at a member lets it in. */
export type StrangerAnswer = { readonly kind: 'code'; readonly code: string } | { readonly kind: 'ask' } | { readonly kind: 'new' };

/** Asks the person at the terminal; `complaint` is about the answer before. */
export type AskStranger = (complaint: string | undefined, signal: AbortSignal) => Promise<StrangerAnswer>;

export interface EnterMeshParts {
  readonly node: MeshNode;
  /** Begin a mesh without looking for another one. */
  readonly beginNew: boolean;
  /** Members were named: there is a mesh, whether it is heard or not. */
  readonly hasPeers: boolean;
  /** Undefined where nobody is there to answer: the node asks to be let in. */
  readonly askStranger: AskStranger | undefined;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * How long a first start looks for a mesh on the network before it begins one of its own. Members answer within 10 ms, but a question
 * may get lost, and a machine be busy.
 */
const SEEK_MS = 2500;

/**
 * Takes on the mesh of a code. A mesh of this node alone, which its first start began, is given up for it. Throws `InviteCodeError`,
 * and `AdmissionError` for a node that has companions in another mesh.
 */
export async function joinByCode(node: MeshNode, state: MeshState, code: string): Promise<void> {
  try {
    await node.join(code);
  } catch (error) {
    const isAlone = state.membership?.members.length === 0;
    if (!isAlone || !(error instanceof AdmissionError) || error.code !== 'already_member') throw error;
    await node.leave();
    await node.join(code);
  }
}

export interface Entered {
  /** Settles when a person has decided, here or at a member, and never rejects; undefined when nothing waits on one. */
  readonly decided: Promise<void> | undefined;
}

/**
 * What a node without a mesh does once it is on the network: it looks for one, and begins its own where there is none. Where there is
 * one, its code is asked for, or to be let in; that goes on after this has resolved.
 */
export async function enterMesh(parts: EnterMeshParts): Promise<Entered> {
  const { node, beginNew, hasPeers, logger, signal } = parts;
  if (node.membership.kind === 'member') return { decided: undefined };
  if (beginNew || (!hasPeers && (await node.seek({ waitMs: SEEK_MS, signal })).length === 0)) {
    await node.found();
    return { decided: undefined };
  }
  const decided = knock(parts).catch((error: unknown) => {
    if (!signal.aborted && !(error instanceof InterruptedError))
      logger.warn({ scope: 'mesh', error: errorMessage(error) }, 'this node could not join a mesh');
  });
  return { decided };
}

async function knock({ node, askStranger, logger, signal }: EnterMeshParts): Promise<void> {
  let complaint: string | undefined;
  for (;;) {
    const answer: StrangerAnswer = askStranger === undefined ? { kind: 'ask' } : await askStranger(complaint, signal);
    try {
      if (answer.kind === 'new') await node.found();
      else if (answer.kind === 'ask') await node.askToJoin({ signal });
      else await node.join(answer.code);
      return;
    } catch (error) {
      signal.throwIfAborted();
      complaint = errorMessage(error);
      if (askStranger === undefined) {
        logger.warn({ scope: 'mesh' }, `This node was not let in (${complaint}) and begins a mesh of its own.`);
        await node.found();
        return;
      }
    }
  }
}
