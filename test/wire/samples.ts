/** One good request of each type, for the tests of the wire. */
import type { PaymentRow, RequestInput, RequestInputOf, RequestType } from '../../server/wire/index.ts';

export const ID = '0190a0b0-1111-7222-8333-0123456789ab';
export const HPAN = '0fe5a8c6dd4d01f88512185bdce11f78f0be2e649132c7c4b90da2309f961d52';

export const ROW: PaymentRow = {
  acquirerCode: '36081',
  operationType: '00',
  circuitType: '01',
  hpan: HPAN,
  trxDate: '2021-02-11T10:15:30.000+01:00',
  idTrxAcquirer: 'ARN0000000001',
  idTrxIssuer: 'AUT001',
  correlationId: '',
  amountCents: 4_500,
  acquirerId: '09509',
  merchantId: '400000000001',
  terminalId: '80205001',
};

export const SAMPLES: { readonly [T in RequestType]: RequestInputOf<T> } = {
  enrol: { ref: 1, type: 'enrol', id: ID, optInStatus: 'ACCEPTED' },
  leave: { ref: 2, type: 'leave', id: ID },
  setIban: {
    ref: 3,
    type: 'setIban',
    id: ID,
    iban: 'IT60X0542811101000000123456',
    accountHolderCF: 'RSSMRA80A01H501U',
    accountHolderName: 'Maria Niccolò',
    accountHolderSurname: 'D’Angelo',
  },
  addMethod: {
    ref: 4,
    type: 'addMethod',
    id: ID,
    pan: '9999000000000001',
    details: { methodKind: 'card', brand: 'VISA', expiry: '2024-05', issuerAbi: '03069' },
  },
  removeMethod: { ref: 5, type: 'removeMethod', id: ID, hpan: HPAN },
  setFavourite: { ref: 22, type: 'setFavourite', id: ID, hpan: HPAN },
  enableCashback: { ref: 6, type: 'enableCashback', id: ID, hpan: HPAN, tokens: [HPAN] },
  disableCashback: { ref: 7, type: 'disableCashback', id: ID, hpan: HPAN, cancellationMs: 1_607_381_200_000 },
  enableAll: { ref: 8, type: 'enableAll', id: ID },
  wallet: { ref: 9, type: 'wallet', taxCode: 'RSSMRA80A01H501U' },
  instrument: { ref: 10, type: 'instrument', hpan: HPAN },
  payments: { ref: 11, type: 'payments', awardPeriodId: 1, hpan: HPAN, limit: 20, cursor: 0 },
  total: { ref: 12, type: 'total', awardPeriodId: 1 },
  milestones: { ref: 13, type: 'milestones', awardPeriodId: 1 },
  ranking: { ref: 14, type: 'ranking', awardPeriodId: 1 },
  outcome: { ref: 15, type: 'outcome', id: ID },
  rankingPage: { ref: 16, type: 'rankingPage', awardPeriodId: 1, firstRank: 1, count: 100 },
  periods: { ref: 17, type: 'periods' },
  recordPayments: { ref: 18, type: 'recordPayments', rows: [ROW] },
  subscribe: { ref: 19, type: 'subscribe', topics: ['wallet', 'rank'] },
  unsubscribe: { ref: 20, type: 'unsubscribe', topics: ['rank'] },
  authenticate: { ref: 21, type: 'authenticate', token: 'a.b.c' },
};

export const ALL_SAMPLES: readonly RequestInput[] = Object.values(SAMPLES);
