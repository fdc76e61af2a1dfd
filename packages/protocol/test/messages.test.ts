import { blankCard } from '@pippa/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  abortMessage,
  admissionOpening,
  BadMessageError,
  cardStatement,
  controlMessage,
  ping,
  pong,
  nodeCard,
  parseMessage,
  PROTOCOL_VERSION,
  streamMessage,
} from '../src/index.ts';

describe('messages of the mesh', () => {
  it('are what they say or a BadMessageError, whatever comes', () => {
    fc.assert(
      fc.property(fc.anything({ withTypedArray: true, withNullPrototype: true }), (value) => {
        for (const schema of [admissionOpening, controlMessage, ping, pong, nodeCard, streamMessage]) {
          try {
            parseMessage(schema, value, 'a test');
          } catch (error) {
            expect(error).toBeInstanceOf(BadMessageError);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('take nonces and proofs of their exact length only', () => {
    const opening = { kind: 'prove', version: PROTOCOL_VERSION, nonce: new Uint8Array(32), keyTag: new Uint8Array(8) };
    expect(parseMessage(admissionOpening, opening, 'admission').kind).toBe('prove');
    for (const nonce of [new Uint8Array(31), new Uint8Array(33), 'x'.repeat(32), Array.from({ length: 32 }, () => 0)])
      expect(() => parseMessage(admissionOpening, { ...opening, nonce }, 'admission')).toThrow(BadMessageError);
    expect(() => parseMessage(admissionOpening, { ...opening, more: 1 }, 'admission')).toThrow(BadMessageError);
  });

  it('bound what a card may hold', () => {
    const card = blankCard('12D3KooWSomebody');
    expect(parseMessage(nodeCard, card, 'a card')).toEqual(card);
    const model = { id: 'a', name: 'b', fileBytes: 1, layerCount: 1, presentBytes: 1 };
    expect(() => parseMessage(nodeCard, { ...card, models: Array.from({ length: 1_001 }, () => model) }, 'a card')).toThrow(
      BadMessageError,
    );
    expect(() => parseMessage(nodeCard, { ...card, name: 'x'.repeat(65) }, 'a card')).toThrow(BadMessageError);
    expect(() => parseMessage(nodeCard, { ...card, load: Number.NaN }, 'a card')).toThrow(BadMessageError);
  });

  it('sign the content of a card, not the order of its fields', () => {
    const { peer, ...rest } = blankCard('12D3KooWSomebody');
    expect(cardStatement({ peer, ...rest }, [])).toEqual(cardStatement({ ...rest, peer }, []));
    expect(cardStatement({ ...rest, peer, load: 0.1 }, [])).not.toEqual(cardStatement({ ...rest, peer }, []));
    expect(cardStatement({ ...rest, peer }, ['/ip4/1.2.3.4/tcp/1'])).not.toEqual(cardStatement({ ...rest, peer }, []));
  });

  it('cut what an error says to what the wire takes', () => {
    const message = abortMessage({ code: 'c'.repeat(100), message: 'm'.repeat(5_000), hint: 'h'.repeat(5_000) });
    expect(parseMessage(streamMessage, message, 'a stream')).toEqual(message);
  });
});
