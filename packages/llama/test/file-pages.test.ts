import { expect, test } from 'vitest';
import { mappingsOf } from '../src/file-pages.ts';

const MAPS = `5577b8000000-5577b8021000 rw-p 00000000 00:00 0                          [heap]
7f10c0000000-7f10c0400000 r--s 00000000 fe:00 2285577                    /models/a model-0-6.gguf
7f10c0400000-7f10c0401000 r--s 00000000 fe:00 2285578                    /models/other.gguf
7f10c0500000-7f10c0501000 rw-s 00000000 fe:00 2285577                    /models/a model-0-6.gguf
7f10c0600000-7f10c0602000 r--p 00400000 fe:00 2285577                    /models/a model-0-6.gguf
7ffd4b5c6000-7ffd4b5e7000 rw-p 00000000 00:00 0                          [stack]
`;

test('only what is mapped for reading of the named files is let go of', () => {
  expect(mappingsOf(MAPS, ['/models/a model-0-6.gguf'])).toEqual([
    { start: 0x7f10c0000000, byteLength: 0x400000 },
    { start: 0x7f10c0600000, byteLength: 0x2000 },
  ]);
  expect(mappingsOf(MAPS, ['/models/a'])).toEqual([]);
});
