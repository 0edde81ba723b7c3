// Method: every kind of command, with and without what it may leave out. Stores keep digests of these texts for ever, so
// each is held against the very text that the first release wrote.
import { describe, expect, test } from 'vitest';
import type { MethodDetails, WalletCommandBody } from '../../engine/index.ts';
import { bodyText, commandKey } from '../../engine/shard/command-text.ts';

const DETAILS: MethodDetails = {
  ...{ methodKind: 'card', brand: 'VISA', lastDigits: '1111', expiry: '2025-01', issuerAbi: '03069' },
};
const HOLDER = { accountHolderCF: 'CF', accountHolderName: 'Anna', accountHolderSurname: 'Bianchi' };
const ofIban = { kind: 'setIban', iban: 'IT60', ...HOLDER } as const;

const TEXTS: readonly (readonly [WalletCommandBody, string])[] = [
  [{ kind: 'enrol' }, '5:enrol5:NOREQ'],
  [{ kind: 'enrol', optInStatus: 'ACCEPTED' }, '5:enrol8:ACCEPTED'],
  [{ kind: 'leave' }, 'leave'],
  [{ kind: 'enableAll' }, 'enableAll'],
  [ofIban, '7:setIban4:IT602:CF4:Anna7:Bianchi'],
  [{ ...ofIban, technicalAccountHolder: 'Bank' }, '7:setIban4:IT602:CF4:Anna7:Bianchi4:Bank0:'],
  [{ ...ofIban, issuerCardId: 'K1' }, '7:setIban4:IT602:CF4:Anna7:Bianchi0:2:K1'],
  [{ ...ofIban, technicalAccountHolder: 'Bank', issuerCardId: 'K1' }, '7:setIban4:IT602:CF4:Anna7:Bianchi4:Bank2:K1'],
  [{ kind: 'addMethod', hpan: 'ab', details: DETAILS }, '9:addMethod2:ab4:card4:VISA4:11117:2025-015:03069'],
  [{ kind: 'removeMethod', hpan: 'ab' }, '12:removeMethod2:ab'],
  [{ kind: 'setFavourite', hpan: 'ab' }, '12:setFavourite2:ab'],
  [{ kind: 'enableCashback', hpan: 'ab' }, '14:enableCashback2:ab'],
  [{ kind: 'enableCashback', hpan: 'ab', tokens: ['cd', 'e'] }, '14:enableCashback2:ab2:cd1:e'],
  [{ kind: 'disableCashback', hpan: 'ab' }, '15:disableCashback2:ab0:'],
  [{ kind: 'disableCashback', hpan: 'ab', cancellationMs: 0 }, '15:disableCashback2:ab1:0'],
  [
    { kind: 'disableCashback', hpan: 'ab', cancellationMs: 1_607_331_600_000 },
    '15:disableCashback2:ab13:1607331600000',
  ],
];

describe('the text of a command', () => {
  test.each(TEXTS)('%o', (body, text) => {
    expect(bodyText(body)).toBe(text);
  });

  test('is no other command’s, and not that of the same letters cut elsewhere', () => {
    expect(new Set(TEXTS.map(([body]) => bodyText(body))).size).toBe(TEXTS.length);
    const [left, right] = [
      { ...ofIban, accountHolderName: 'AnnaB', accountHolderSurname: 'ianchi' },
      { ...ofIban, accountHolderName: 'Anna', accountHolderSurname: 'Bianchi' },
    ];
    expect(bodyText(left)).not.toBe(bodyText(right));
  });
});

test('an id belongs to who asks: a citizen’s own stands as it is, anybody else’s with role and name', () => {
  const channel = 'app-io-channel';
  expect(commandKey({ role: 'citizen', subject: 'c1', channel }, 'x')).toBe('x');
  expect(commandKey({ role: 'issuer', subject: '03069', channel: '03069' }, 'x')).toBe('issuer:03069:x');
});
