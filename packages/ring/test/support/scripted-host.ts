import type { FrameStream, StageInfo } from '@pippa/core';
import {
  parseConductorMessage,
  STAGE_PROTOCOL,
  type ConductorMessage,
  type HostMessage,
  type StageOpenMessage,
} from '@pippa/protocol';
import type { MemoryMesh } from '@pippa/testing';

/** A node that takes whatever stage it is asked to hold, and then says what a test has it say. */
export class ScriptedHost {
  readonly heard: ConductorMessage[] = [];
  #control: FrameStream | undefined;
  #onLink: (host: ScriptedHost, epoch: number) => void = (host, epoch) => host.say({ kind: 'linked', epoch, journal: [] });

  constructor(mesh: MemoryMesh) {
    mesh.handle(STAGE_PROTOCOL, (stream) => {
      this.#control = stream;
      stream.onFrame(({ header }) => {
        const message = parseConductorMessage(header);
        this.heard.push(message);
        if (message.kind === 'open') this.say({ kind: 'ready', info: infoOf(message) });
        if (message.kind === 'link') this.#onLink(this, message.epoch);
      });
    });
  }

  /** What it does when it is linked; before, it says that it is. */
  whenLinked(act: (host: ScriptedHost, epoch: number) => void): void {
    this.#onLink = act;
  }

  say(message: HostMessage): void {
    this.#control?.send(message).catch(() => {});
  }

  /** The last one. */
  get link(): Extract<ConductorMessage, { kind: 'link' }> | undefined {
    return this.heard.findLast((message) => message.kind === 'link');
  }
}

function infoOf({ from, to, layerCount, contextCells, parallelSequences, maxRows }: StageOpenMessage): StageInfo {
  return {
    from,
    to,
    layerCount,
    contextCells,
    parallelSequences,
    maxRows,
    embeddingLength: 4,
    vocabularySize: 100,
    canTruncate: true,
    memoryBytes: { weights: 1, context: 1, compute: 1 },
    backend: 'scripted',
  };
}
