import type { PeerId } from '@pippa/core';
import { createHash } from 'node:crypto';
import { lengthPrefixed } from './key-material.ts';

/** 256 short, common words that don't sound alike: one a byte. */
const WORDS = (
  'acorn actor alarm album amber anchor angle ankle apple apron arch arrow aspen atlas attic autumn badge bagel bakery bamboo banjo barrel ' +
  'basket beach beacon beaver bench berry bicycle biscuit blanket blossom bottle branch bread bridge bronze bucket butter cabin cactus camel ' +
  'camera candle canoe canyon carpet carrot castle cedar cellar cello cherry chimney cinema circle citrus clay clock clover cobalt coconut ' +
  'coffee comet copper coral cotton cousin cradle crane crayon cricket crown crystal cube curtain cushion daisy dancer deer denim desert ' +
  'diamond dinner dolphin donkey dragon drum eagle easel echo elbow elm ember engine envelope fabric falcon feather fern fiddle field finger ' +
  'flute forest fossil fountain fox garden garlic gecko ginger giraffe glacier globe goblet gondola granite grape gravel guitar hammer harbor ' +
  'harvest hazel heron hill honey horizon hotel iceberg igloo island ivory jacket jaguar jasmine jelly jigsaw juniper kayak kettle kitchen ' +
  'kitten koala ladder lagoon lantern laptop laurel lemon lentil lilac linen lion lizard lobster locket lotus magnet mango maple marble meadow ' +
  'melon meteor mirror mitten monkey mosaic motor mountain muffin museum mustard napkin nectar needle nickel noodle nutmeg oak oasis ocean olive ' +
  'onion opal orange orbit orchid otter oven oyster paddle palace panda paper parrot pasta peach peanut pebble pelican pencil pepper piano pigeon ' +
  'pillow pine pirate planet plum pocket pony poppy potato prairie puzzle quartz rabbit radio raven ribbon river robin rocket saddle saffron ' +
  'salmon sandal satin scarf shell silver spider sponge squirrel sunset sweater ' +
  'table tango teapot tiger timber tomato trumpet tulip tunnel turtle umbrella valley velvet violin walnut whale willow'
).split(' ');

/** 32 bits: a man in the middle, who has one try because of the commitment, gets by with a chance of one in four billion. */
const WORD_COUNT = 4;

/** What both sides of a join show. Equal words mean that nobody sits between them and that no nonce was chosen to fit. */
export function shortWords(transcript: {
  readonly joiner: PeerId;
  readonly member: PeerId;
  readonly joinerNonce: Uint8Array;
  readonly memberNonce: Uint8Array;
  readonly name: string;
}): string {
  const { joiner, member, joinerNonce, memberNonce, name } = transcript;
  const digest = createHash('sha256')
    .update(lengthPrefixed(['pippa words 1', joiner, member, joinerNonce, memberNonce, name]))
    .digest();
  return [...digest.subarray(0, WORD_COUNT)].map((byte) => WORDS[byte] ?? '').join(' ');
}

/** Binds the joiner's nonce before it sees the member's. */
export function commitTo(nonce: Uint8Array): Uint8Array {
  return createHash('sha256')
    .update(lengthPrefixed(['pippa commitment 1', nonce]))
    .digest();
}
