import { peerIdFromString } from '@libp2p/peer-id';
import { peerId, type PeerId } from '@pippa/core';
import { MAX_ADDRESSES } from '@pippa/protocol';
import { decode, encode, type Packet, type TxtData } from 'dns-packet';
import { isIP } from 'node:net';

/** The service under which every node of every mesh answers. */
export const SERVICE = '_pippa._udp.local';
const TTL_SECONDS = 120;
const SERVICE_LABEL = SERVICE.slice(0, SERVICE.indexOf('.'));
const HEADER_BYTES = 12;
/** A question has one, an announcement two. */
const MAX_RECORDS = 8;
/** One TXT string, by RFC 6763. */
const MAX_TEXT_BYTES = 255;

/** What a member tells everybody on the network: where it is and which mesh it belongs to, and nothing of what it is. */
export interface Announcement {
  readonly tag: string;
  readonly peer: PeerId;
  /** Random for each run of a process, hexadecimal. */
  readonly instance: string;
  /** `/ip4/.../tcp/...` */
  readonly addresses: readonly string[];
}

export type Heard = { readonly kind: 'question' } | { readonly kind: 'announcement'; readonly announcement: Announcement };

export function encodeQuestion(): Uint8Array {
  return encode({ type: 'query', id: 0, questions: [{ name: SERVICE, type: 'PTR' }] });
}

export function encodeAnnouncement({ tag, peer, instance, addresses }: Announcement): Uint8Array {
  const name = `${instance}.${SERVICE}`;
  const texts = ['v=1', `m=${tag}`, `p=${peer}`, ...addresses.slice(0, MAX_ADDRESSES).map((address) => `a=${address}`)];
  return encode({
    type: 'response',
    flags: 0x0400,
    answers: [
      { name: SERVICE, type: 'PTR', class: 'IN', ttl: TTL_SECONDS, data: name },
      { name, type: 'TXT', class: 'IN', ttl: TTL_SECONDS, data: texts.filter((text) => text.length <= MAX_TEXT_BYTES) },
    ],
  });
}

/** What of a packet is for us. Anybody may send anything here: whatever isn't as it should be is nothing. */
export function hear(bytes: Uint8Array): Heard | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isPlausible(buffer)) return undefined;
  let packet: Packet;
  try {
    packet = decode(buffer);
  } catch {
    return undefined;
  }
  if (packet.type === 'query')
    return packet.questions?.some(({ name, type }) => name === SERVICE && type === 'PTR') === true
      ? { kind: 'question' }
      : undefined;
  for (const answer of packet.answers ?? []) {
    if (answer.type !== 'TXT' || !answer.name.endsWith(`.${SERVICE}`)) continue;
    const announcement = parse(answer.name.slice(0, -SERVICE.length - 1), textsOf(answer.data));
    if (announcement !== undefined) return { kind: 'announcement', announcement };
  }
  return undefined;
}

/**
 * Printers and televisions send most of what comes here, and a stranger may send a packet that claims 65,535 records over and over of
 * the same few bytes: neither is worth decoding.
 */
function isPlausible(packet: Buffer): boolean {
  if (packet.length < HEADER_BYTES || !packet.includes(SERVICE_LABEL)) return false;
  let records = 0;
  for (let at = 4; at < HEADER_BYTES; at += 2) records += packet.readUInt16BE(at);
  return records <= MAX_RECORDS;
}

function textsOf(data: TxtData): readonly string[] {
  return (Array.isArray(data) ? data : [data]).map(String);
}

function parse(instance: string, texts: readonly string[]): Announcement | undefined {
  const first = (key: string): string | undefined => texts.find((text) => text.startsWith(`${key}=`))?.slice(key.length + 1);
  const tag = first('m');
  const peer = first('p');
  if (first('v') !== '1' || tag === undefined || peer === undefined) return undefined;
  if (!/^[0-9a-f]{16}$/.test(tag) || !/^[0-9a-f]{32}$/.test(instance)) return undefined;
  const addresses = texts
    .filter((text) => text.startsWith('a='))
    .map((text) => text.slice(2))
    .filter((address) => hostOf(address) !== undefined)
    .slice(0, MAX_ADDRESSES);
  try {
    return { tag, peer: peerId(peerIdFromString(peer).toString()), instance, addresses };
  } catch {
    return undefined;
  }
}

/** The IP address of `/ip4/<address>/tcp/<port>` and `/ip6/...`; undefined for anything else. */
export function hostOf(address: string): string | undefined {
  const match = /^\/ip([46])\/([^/]+)\/tcp\/\d{1,5}$/.exec(address);
  const host = match?.[2];
  return host !== undefined && isIP(host) === Number(match?.[1]) ? host : undefined;
}
