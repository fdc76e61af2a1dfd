import { KIB, MIB } from '@pippa/core';

/** What one frame may be, and what its header may hold. Every protocol has one; a peer that goes over it is refused. */
export interface FrameLimits {
  /** Header, padding and payload together. */
  readonly bodyBytes: number;
  readonly headerBytes: number;
  /** Values in the header, keys and containers included. */
  readonly headerValues: number;
  /** Containers within containers. */
  readonly headerDepth: number;
}

/**
 * For streams of parts above the mesh. 64 MiB holds the activations of a 2,048-row prefill of the widest models (8,192 floats a row);
 * 8 MiB of header holds the largest grammar that a ring takes.
 */
export const STREAM_FRAME_LIMITS: FrameLimits = {
  bodyBytes: 64 * MIB,
  headerBytes: 8 * MIB,
  headerValues: 262_144,
  headerDepth: 32,
};

/** Before admission: a stranger gets by with very little. */
export const ADMISSION_FRAME_LIMITS: FrameLimits = { bodyBytes: 2 * KIB, headerBytes: 2 * KIB, headerValues: 64, headerDepth: 4 };

/** Heartbeats, cards and what members tell each other: a card of 1,000 models takes about 200 KB. */
export const CONTROL_FRAME_LIMITS: FrameLimits = { bodyBytes: MIB, headerBytes: MIB, headerValues: 65_536, headerDepth: 12 };

/** A frame grows into this much memory at once, and further only as its bytes arrive: a claimed length alone costs no more. */
export const FIRST_ALLOCATION_BYTES = MIB;
