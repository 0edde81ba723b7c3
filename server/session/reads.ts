/** Answers the requests that only read. Subject and right to ask are settled before. */
import type { CitizenKey, Engine, Origin, RankingEntry, Read, TotalView, WalletView } from '../../engine/index.ts';
import type { RequestOf } from '../wire/index.ts';
import { isWorldsFault } from '../worlds-fault.ts';

export type CitizenReadType = 'wallet' | 'instrument' | 'payments' | 'total' | 'milestones' | 'ranking' | 'outcome';
export type CitizenRead = { [T in CitizenReadType]: RequestOf<T> }[CitizenReadType];

export function readCitizen(
  engine: Engine,
  request: CitizenRead,
  citizen: CitizenKey,
  origin: Origin,
): Promise<Read<unknown>> {
  switch (request.type) {
    case 'wallet':
      return walletFor(engine, citizen, origin);
    case 'instrument':
      return engine.instrument(citizen, request.hpan);
    case 'payments': {
      const { ref: _ref, type: _type, taxCode: _taxCode, ...query } = request;
      return engine.payments(citizen, query);
    }
    case 'total':
      return engine.total(citizen, request.awardPeriodId);
    case 'milestones':
      return engine.milestones(citizen, request.awardPeriodId);
    case 'ranking':
      return engine.rankings(citizen, request.awardPeriodId);
    case 'outcome':
      return engine.outcome(citizen, origin, request.id);
  }
}

/**
 * A row that is damaged is not served, and is the business of who asks for it: the others are served (faults 12 and 72).
 *
 * @param failed is told of it
 */
export function readable<T>(read: Promise<Read<T>>, failed: (fault: unknown) => void): Promise<Read<T>> {
  return read.catch((fault: unknown) => {
    if (!isWorldsFault(fault)) throw fault;
    failed(fault);
    return { ok: false, code: 'INTERNAL_ERROR' };
  });
}

/** Whose pooled account receives the money is no other issuer's business (domain 2.1), nor are others' instruments (1). */
async function walletFor(engine: Engine, citizen: CitizenKey, { role, channel }: Origin): Promise<Read<WalletView>> {
  const wallet = await engine.wallet(citizen);
  if (!wallet.ok || role !== 'issuer') return wallet;
  const { methods, favourite } = wallet.value;
  const own = methods.filter((method) => method.channel === channel);
  const isOwn = own.some(({ hpan }) => hpan === favourite);
  return {
    ok: true,
    value: {
      ...wallet.value,
      ...{ methods: own, favourite: isOwn ? favourite : null },
      ...{ technicalAccountHolder: null, issuerCardId: null },
    },
  };
}

/** Ranks and counts are public; who holds a rank, and when he last paid, is not. */
export async function readRankingPage(
  engine: Engine,
  { awardPeriodId, firstRank, count }: RequestOf<'rankingPage'>,
  { withCitizens }: { readonly withCitizens: boolean },
): Promise<Read<readonly Partial<RankingEntry>[]>> {
  const page = await engine.rankingPage(awardPeriodId, firstRank, count);
  if (!page.ok || withCitizens) return page;
  return { ok: true, value: page.value.map(({ rank, transactionNumber }) => ({ rank, transactionNumber })) };
}

export interface WalletWithTotals extends WalletView {
  readonly totals: readonly TotalView[];
}

/** What a push of the wallet carries: the wallet, and the totals of every period. */
export async function readWalletWithTotals(engine: Engine, citizen: CitizenKey): Promise<Read<WalletWithTotals>> {
  const wallet = await engine.wallet(citizen);
  if (!wallet.ok) return wallet;
  const read = await Promise.all(engine.periods().map(({ awardPeriodId }) => engine.total(citizen, awardPeriodId)));
  const totals: TotalView[] = [];
  for (const total of read) {
    if (!total.ok) return total;
    totals.push(total.value);
  }
  return { ok: true, value: { ...wallet.value, totals } };
}
