/** How citizens and cards are addressed. */

/** What the keyed hash is taken of to name a citizen. */
export function citizenKeyText(taxCode: string): string {
  return `citizen ${taxCode}`;
}

/** Which of the 64 partitions an entity belongs to: the first six bits of its hexadecimal key. */
export function partitionOf(key: string): number {
  return (hexDigit(key.charCodeAt(0)) << 2) | (hexDigit(key.charCodeAt(1)) >> 2);
}

function hexDigit(code: number): number {
  return code <= 57 ? code - 48 : code - 87;
}
