/** What both web servers read of a peer in the same way. */

const MAPPED_PREFIX = /^(?:0{0,4}:){1,6}ffff:/i;
const MAPPED_HEX = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i;

/** Addresses in one spelling: an IPv4 peer of an IPv6 socket is written as IPv4. */
export function plainAddress(text: string): string {
  const prefix = MAPPED_PREFIX.exec(text)?.[0];
  if (prefix === undefined) return text;
  const rest = text.slice(prefix.length);
  const words = MAPPED_HEX.exec(rest);
  if (words === null) return rest;
  const [high, low] = [Number.parseInt(words[1]!, 16), Number.parseInt(words[2]!, 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** The offered subprotocols, in order. */
export function splitProtocols(header: string | undefined): readonly string[] {
  if (header === undefined) return [];
  return header
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '');
}
