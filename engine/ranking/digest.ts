/** One short text for a whole ranking: frozen rankings are journaled with it, `verify` computes it anew. */
import type { Participant } from './ranking.ts';

const PIECE = 1_000;

/**
 * @param digest keyed hash of a text (Vault.digest)
 * @returns the digest of (digest so far, next thousand participants), over all participants in order
 */
export function rankingDigest(participants: Iterable<Participant>, digest: (text: string) => string): string {
  let result = digest('ranking');
  let piece: string[] = [];
  for (const { citizen, standing } of participants) {
    piece.push(`${citizen} ${standing.count} ${standing.lastTrxMs} ${standing.termsMs}`);
    if (piece.length < PIECE) continue;
    result = digest([result, ...piece].join('\n'));
    piece = [];
  }
  return digest([result, ...piece].join('\n'));
}
