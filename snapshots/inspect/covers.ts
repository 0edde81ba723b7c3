/**
 * Records that are a card's by its PAR: the token and the card may be in different partitions, so what tokens say is
 * held against the activations of the cards when all have been looked at.
 */
import type { HistoryRow } from '../../engine/card/card.ts';
import type { Hpan, RecordCover } from '../../engine/contract.ts';
import { romeDayNumber } from '../../engine/programme/index.ts';
import { type CardAccount, namedCard } from './cards.ts';
import { type Findings, short } from './findings.ts';

interface Claimed {
  readonly subject: string;
  readonly dayNumber: number;
  readonly cover: RecordCover;
}

export class Covers {
  /** Of cards that have a PAR. */
  readonly #histories = new Map<Hpan, readonly HistoryRow[]>();
  readonly #claimed: Claimed[] = [];

  addCard(card: CardAccount): void {
    if (card.par !== '') this.#histories.set(card.hpan, card.history);
    if (card.covers.size === 0) return;
    for (const { entry } of card.ledger.values()) {
      const cover = card.covers.get(entry.key);
      if (cover === undefined) continue;
      const subject = `${namedCard(card)}, record ${entry.key}: by its PAR it is of card ${short(cover.master)}`;
      this.#claimed.push({ subject, dayNumber: romeDayNumber(entry.record.trxMs), cover });
    }
  }

  /** An end that was dated back later takes nothing from what was counted before. */
  check(findings: Findings): void {
    for (const { subject, dayNumber, cover } of this.#claimed) {
      const rows = this.#histories.get(cover.master);
      if (rows === undefined) findings.differ(`${subject}, which has no PAR`);
      else if (!rows.some((row) => isOf(row, cover) && romeDayNumber(row.activationMs) < dayNumber)) {
        findings.differ(`${subject}, which was not that citizen’s`);
      }
    }
  }
}

function isOf(row: HistoryRow, { citizen, enrolment }: RecordCover): boolean {
  return row.citizen === citizen && row.enrolment === enrolment;
}
