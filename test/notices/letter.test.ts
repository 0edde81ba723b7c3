// Method: every kind of notice is written, for an account of the citizen's own and for an issuer's; the words are held
// against what the notice says.
import { describe, expect, test } from 'vitest';
import { italy2020, NOTICE_KINDS, type Notice, type NoticeKind, periodViews } from '../../engine/index.ts';
import { type Letter, writeLetter } from '../../server/notices/letter.ts';

const PERIOD = periodViews(italy2020(), 0).find(({ awardPeriodId }) => awardPeriodId === 2)!;
const HOLDER = 'Satispay S.p.A.';

function letter(kind: NoticeKind, technicalAccountHolder: string | null = null): Letter {
  const notice: Notice = {
    ...{ id: 'payout-7', citizen: 'c'.repeat(32), kind, awardPeriodId: 2, payoutId: 7 },
    ...{ cashbackCents: 150_00, jackpotCents: 1_500_00, state: 'due', attempts: 0, dueMs: 0, atMs: 0 },
  };
  return writeLetter(notice, { fiscalCode: 'RSSMRA80A01H501U', period: PERIOD, technicalAccountHolder, appealDays: 7 });
}

/** Numbers are written with blanks that do not break. */
const plain = (text: string) => text.replaceAll(/\s/g, ' ');

describe.each(NOTICE_KINDS)('%s', (kind) => {
  test.each([null, HOLDER])('has words in both languages, with nothing left out (%s)', (holder) => {
    const { it, en, id, fiscalCode } = letter(kind, holder);
    expect([id, fiscalCode]).toEqual(['payout-7', 'RSSMRA80A01H501U']);
    for (const text of [it.subject, it.body, en.subject, en.body]) expect(text).toMatch(/^[^{}]{10,}$/);
    expect(plain(it.body)).toContain('dal 1 gennaio 2021 al 30 giugno 2021');
    expect(plain(en.body)).toContain('from 1 January 2021 to 30 June 2021');
    expect(it.body).not.toBe(en.body);
  });
});

test('amounts are written as each language does', () => {
  const { it, en } = letter('refundAndPrize');
  expect(plain(it.body)).toContain('150,00 € e al Super Cashback di 1.500,00 €, in tutto 1.650,00 €');
  expect(plain(en.body)).toContain('€150.00 and the Super Cashback of €1,500.00 are due to you, €1,650.00 in all');
});

test('who has no refund is told how many transactions are needed, not the cap of one', () => {
  expect(letter('noRefund').it.body).toContain('le 50 transazioni');
  expect(letter('noRefund').en.body).toContain('the 50 transactions');
});

test('only what a new IBAN can mend opens the screen for it', () => {
  const linked = NOTICE_KINDS.filter((kind) => letter(kind).link !== null);
  expect(linked).toEqual(['missingIban', 'transferFailed']);
  expect(letter('transferFailed', HOLDER).link).toBe('ioit://CTA_BPD_IBAN_EDIT');
});

test('a transfer to an issuer’s account names who keeps it, and no other letter does', () => {
  const named = NOTICE_KINDS.filter((kind) => letter(kind, HOLDER).it.body.includes(HOLDER));
  expect(named).toEqual(['transferExecuted', 'transferFailed']);
});
