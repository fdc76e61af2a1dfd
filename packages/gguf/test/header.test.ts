import { PippaError } from '@pippa/core';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  arrayOf,
  bufferSource,
  decodeArray,
  encodeGgufHeader,
  float32,
  isArray,
  readGgufHeader,
  string,
  uint32,
} from '../src/index.ts';
import type { GgufArray } from '../src/index.ts';

function wholeFile(content: Parameters<typeof encodeGgufHeader>[0]): Uint8Array {
  const header = encodeGgufHeader(content);
  const bytes = new Uint8Array(header.dataOffset + header.dataByteLength);
  bytes.set(header.bytes);
  return bytes;
}

const SAMPLE = wholeFile({
  metadata: [
    ['general.architecture', string('llama')],
    ['llama.block_count', uint32(2)],
    ['llama.scale', float32(0.5)],
    ['tokenizer.ggml.tokens', arrayOf('string', ['a', 'bc', ''])],
    ['llama.heads', arrayOf('uint32', [1, 2])],
  ],
  tensors: [
    { name: 'token_embd.weight', dimensions: [32, 4], type: 8 },
    { name: 'blk.0.attn_q.weight', dimensions: [32, 32], type: 2 },
  ],
});

test('what is encoded is read back', async () => {
  const texts = fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 50 });
  const dimensions = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      texts,
      fc.uniqueArray(fc.string({ unit: 'grapheme-ascii', maxLength: 60 })),
      dimensions,
      async (values, names, shape) => {
        const tensors = names.map((name) => ({ name, dimensions: shape, type: 0 }));
        const header = await readGgufHeader(bufferSource(wholeFile({ metadata: [['texts', arrayOf('string', values)]], tensors })));
        const array = header.metadata.get('texts');
        expect(array !== undefined && isArray(array) ? decodeArray(array) : undefined).toEqual(values);
        expect(header.tensors.map(({ name, dimensions: read }) => ({ name, read }))).toEqual(
          names.map((name) => ({ name, read: shape })),
        );
      },
    ),
    { numRuns: 100 },
  );
});

test('a vocabulary longer than one window, with a text longer than one, is read whole', async () => {
  const tokens = Array.from({ length: 40_000 }, (_, index) => `token ${index}`);
  tokens[20_000] = 'x'.repeat(400_000);
  const header = await readGgufHeader(bufferSource(wholeFile({ metadata: [['tokens', arrayOf('string', tokens)]], tensors: [] })));
  expect(decodeArray(header.metadata.get('tokens') as GgufArray)).toEqual(tokens);
});

test('every truncation fails by name', async () => {
  for (let length = 0; length < SAMPLE.length - 32; length += 1) {
    await expect(readGgufHeader(bufferSource(SAMPLE.subarray(0, length)))).rejects.toSatisfy(
      (error) => error instanceof PippaError && ['not_gguf', 'truncated_gguf'].includes(error.code) && error.hint !== undefined,
    );
  }
});

test('mutated headers are read or fail by name', async () => {
  const place = fc.integer({ min: 0, max: SAMPLE.length - 9 });
  const lie = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(2n ** 63n, 2n ** 53n, 2n ** 32n, 2n ** 22n));
  const flips = fc.array(fc.tuple(place, fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(flips, fc.option(fc.tuple(place, lie)), async (bytes, count) => {
      const mutated = SAMPLE.slice();
      for (const [offset, value] of bytes) mutated[offset] = value;
      if (count !== null) new DataView(mutated.buffer).setBigUint64(count[0], count[1], true);
      const failure: unknown = await readGgufHeader(bufferSource(mutated)).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failure).toSatisfy((error) => error === undefined || (error instanceof PippaError && error.hint !== undefined));
    }),
    { numRuns: 5000 },
  );
});
