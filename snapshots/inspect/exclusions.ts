/**
 * The inspector's own account of what is taken out of counting (domain 3.1, 5.6): two different operators for each
 * decision, the rule on abuse for all the rest; every trifling payment judged by it, and none twice.
 */
import type { AbuseRule, Exclusion, PaymentName, Programme } from '../../engine/contract.ts';
import { exclusionSub } from '../../engine/exclusion/exclusion.ts';
import type { ExclusionFact, WalletFact } from '../../engine/facts.ts';
import {
  appealEndsMs,
  dayNumberOf,
  dayStartMs,
  dayText,
  recordKeyText,
  romeDayNumber,
  withTriflingPayment,
} from '../../engine/programme/index.ts';
import type { PaymentRow } from '../../engine/wallet/wallet.ts';
import { type Citizen, named, shown } from './citizens.ts';
import type { Findings } from './findings.ts';
import type { Held } from './held.ts';
import type { Place } from './partition-log.ts';

export class ExclusionCheck {
  readonly #rule: AbuseRule | undefined;
  readonly #findings: Findings;

  constructor({ programme, findings }: { readonly programme: Programme; readonly findings: Findings }) {
    this.#rule = programme.abuseRule;
    this.#findings = findings;
  }

  apply(citizen: Citizen, fact: ExclusionFact, place: Place): void {
    if (fact.kind === 'exclusionSet') this.#set(citizen, fact, place);
    else this.#judgeDay(citizen, fact, place);
  }

  #set(citizen: Citizen, fact: Extract<ExclusionFact, { kind: 'exclusionSet' }>, place: Place): void {
    const { exclusion, subject } = fact;
    const of = citizen.exclusions;
    const name = exclusion.payment === null ? '' : nameText(exclusion.payment);
    const what = `${named(citizen)} at ${shown(place)}: ${exclusion.action} of ${subject}`;
    this.#findings.count('exclusions');
    this.#findings.expect(`${what}: citizen`, citizen.key, exclusion.citizen);
    this.#findings.expect(`${what}: subject`, of.subjects.get(subject) ?? name, name);
    of.subjects.set(subject, name);
    if (exclusion.proposedBy === '') this.#judgeRule(citizen, name, exclusion, place, what);
    else if (exclusion.state === 'proposed') this.#judgeProposal(citizen, name, exclusion, place, what);
    else this.#judgeDecision(citizen, name, exclusion, place, what);

    const { state, proposedBy } = exclusion;
    if (state === 'proposed') of.proposed.set(name, exclusion);
    else if (proposedBy !== '') of.proposed.delete(name);
    if (state === 'excluded' || state === 'lifted') {
      of.standing.set(name, exclusion);
      of.asked.set(name, (of.asked.get(name) ?? 0) + 1);
    }
    this.#hold(citizen, subject, exclusion, place);
  }

  #judgeProposal(citizen: Citizen, name: string, exclusion: Exclusion, place: Place, what: string): void {
    const { action, reason, proposedMs, decidedBy, decidedMs } = exclusion;
    if (citizen.exclusions.proposed.has(name)) this.#findings.differ(`${what}: proposed while another waits`);
    if (reason === '') this.#findings.differ(`${what}: proposed for no reason`);
    this.#findings.expect(`${what}: when`, place.nowMs, proposedMs);
    this.#findings.expect(`${what}: decided`, ['', 0], [decidedBy, decidedMs]);
    this.#requireFit(citizen, name, exclusion, what);
    const ends = citizen.exclusions.standing.get(name)?.appealEndsMs ?? 0;
    if (action === 'appeal' && place.nowMs >= ends) this.#findings.differ(`${what}: after its days`);
  }

  #judgeDecision(citizen: Citizen, name: string, exclusion: Exclusion, place: Place, what: string): void {
    const { action, state, decidedBy, decisionReason, decidedMs, proposedBy } = exclusion;
    const before = citizen.exclusions.proposed.get(name);
    const asked = { action, proposedBy, reason: exclusion.reason, proposedMs: exclusion.proposedMs };
    if (before === undefined) return this.#findings.differ(`${what}: decided, and nobody proposed it`);
    this.#findings.expect(
      `${what}: what was proposed`,
      { action: before.action, proposedBy: before.proposedBy, reason: before.reason, proposedMs: before.proposedMs },
      asked,
    );
    if (decidedBy === '' || decidedBy === proposedBy) this.#findings.differ(`${what}: decided by no second person`);
    if (decisionReason === '') this.#findings.differ(`${what}: decided for no reason`);
    this.#findings.expect(`${what}: when`, place.nowMs, decidedMs);
    if (state === 'rejected') return;
    this.#findings.expect(`${what}: state`, action === 'exclude' ? 'excluded' : 'lifted', state);
    this.#requireFit(citizen, name, exclusion, what);
  }

  #requireFit(citizen: Citizen, name: string, { action }: Exclusion, what: string): void {
    const isExcluded = citizen.exclusions.standing.get(name)?.state === 'excluded';
    if (isExcluded === (action === 'exclude'))
      this.#findings.differ(`${what}: it is ${isExcluded ? '' : 'not '}excluded`);
  }

  #judgeRule(citizen: Citizen, name: string, exclusion: Exclusion, place: Place, what: string): void {
    const { state, action, decidedBy, decidedMs } = exclusion;
    if (!citizen.exclusions.due.delete(name))
      this.#findings.differ(`${what}: the rule on abuse excludes no such payment`);
    this.#findings.expect(
      `${what}: state`,
      ['excluded', 'exclude', '', place.nowMs],
      [state, action, decidedBy, decidedMs],
    );
    const ends = this.#rule === undefined ? 0 : appealEndsMs(this.#rule, place.nowMs);
    this.#findings.expect(`${what}: end of appeals`, ends, exclusion.appealEndsMs);
  }

  #hold(citizen: Citizen, subject: string, exclusion: Exclusion, { sequence }: Place): void {
    const { state, proposedBy } = exclusion;
    const { rows } = citizen.exclusions;
    for (const list of ['proposed', 'excluded', 'lifted'] as const) {
      const isKept =
        list === 'proposed' ? state !== 'proposed' && proposedBy === '' : state === 'proposed' || state === 'rejected';
      if (isKept) continue;
      const sub = exclusionSub(list, citizen.key, subject);
      const value = state === list ? exclusion : null;
      if (value !== null || rows.has(sub)) hold(rows, sub, { value, sequence, isRowSeen: false });
    }
  }

  // The rule

  /** A line of the citizen's list, before it is one. */
  listed(citizen: Citizen, payment: PaymentRow, subject: string): void {
    const { operationType, amountCents, trxMs } = payment;
    if (/^[XI]/.test(operationType)) return this.#listExclusion(citizen, payment, subject);
    const rule = this.#rule;
    if (rule === undefined || operationType === '01' || amountCents > rule.amountCentsMax) return;
    if (trxMs >= dayStartMs(dayNumberOf(rule.firstDay) ?? 0)) citizen.exclusions.unjudged.push(payment);
  }

  /** Only what somebody has asked for; what it takes back is for its card to say (cards.ts). */
  #listExclusion(citizen: Citizen, payment: PaymentRow, subject: string): void {
    const { asked, done } = citizen.exclusions;
    const [, operationType = ''] = payment.operationType.split('-');
    const name = nameText({ hpan: payment.hpan, record: { ...payment, operationType } });
    const time = (done.get(name) ?? 0) + 1;
    done.set(name, time);
    if (time > (asked.get(name) ?? 0))
      this.#findings.differ(`${subject}: ${payment.operationType}, which nobody asked for`);
    const isOut = payment.operationType.startsWith('X');
    this.#findings.expect(
      `${subject}: sign of ${payment.operationType}`,
      isOut ? -1 : 1,
      Math.sign(payment.amountCents),
    );
    this.#findings.expect(`${subject}: count of ${payment.operationType}`, isOut ? -1 : 1, payment.countDelta);
  }

  #judgeDay(citizen: Citizen, fact: Extract<ExclusionFact, { kind: 'merchantDaySet' }>, place: Place): void {
    const { sub, merchantDay } = fact;
    const of = citizen.exclusions;
    const what = `${named(citizen)} at ${shown(place)}: merchant and day ${sub}`;
    const [payment, ...others] = of.unjudged;
    of.unjudged = others;
    const before = of.merchantDays.get(sub)?.at(-1)?.value ?? undefined;
    hold(of.merchantDays, sub, { value: merchantDay, sequence: place.sequence, isRowSeen: false });
    if (payment === undefined || this.#rule === undefined)
      return this.#findings.differ(`${what}: judged, and nothing was to be`);
    of.shops.push({ payment, merchantId: merchantDay.merchantId });
    const { enrolment, awardPeriodId, hpan, trxMs } = payment;
    const day = dayText(romeDayNumber(trxMs));
    if (!sub.startsWith(`${day} `)) this.#findings.differ(`${what}: is not of the day ${day}`);
    const { merchantId } = before ?? merchantDay;
    const known = before?.enrolment === enrolment ? before : undefined;
    const name: PaymentName = { hpan, record: keyOf(payment) };
    const judged = withTriflingPayment(known, name, { enrolment, awardPeriodId, day, merchantId }, this.#rule);
    const due = judged.excluded.filter((one) => of.standing.get(nameText(one))?.state !== 'excluded');
    for (const one of due) of.due.set(nameText(one), one);
    const toldDay = due.length > 0 ? dayText(romeDayNumber(place.nowMs)) : judged.merchantDay.toldDay;
    this.#findings.expect(what, { ...judged.merchantDay, toldDay }, merchantDay);
    const isTold = of.announced.delete(`anomalous ${citizen.key} ${sub} ${toldDay}`);
    if (isTold !== (toldDay !== judged.merchantDay.toldDay))
      this.#findings.differ(`${what}: told ${isTold ? 'twice' : 'to nobody'}`);
  }

  // The citizen

  /** Only as two operators decided just before. */
  turned(citizen: Citizen, fact: Extract<WalletFact, { kind: 'citizenExcluded' }>, subject: string): void {
    const isDecided = citizen.exclusions.standing.get('')?.state === 'excluded';
    if (isDecided !== fact.isExcluded) this.#findings.differ(`${subject}: ${fact.kind}, and nobody decided so`);
  }

  finish(citizen: Citizen): void {
    const { unjudged, due, announced, standing } = citizen.exclusions;
    if (unjudged.length > 0)
      this.#findings.differ(`${named(citizen)}: ${unjudged.length} trifling payments are not judged`);
    for (const name of due.keys()) this.#findings.differ(`${named(citizen)}: ${name} counts, and the rule excludes it`);
    for (const id of announced) this.#findings.differ(`${named(citizen)}: is told of ${id}, which is not`);
    if (!citizen.isEnrolled) return;
    const isDecided = standing.get('')?.state === 'excluded';
    this.#findings.expect(`${named(citizen)}: is excluded`, isDecided, citizen.isExcluded);
  }
}

function hold<T>(rows: Map<string, Held<T>[]>, sub: string, held: Held<T>): void {
  const before = rows.get(sub);
  if (before === undefined) rows.set(sub, [held]);
  else before.push(held);
}

function keyOf({ idTrxAcquirer, trxMs, acquirerCode, acquirerId, operationType }: PaymentRow): PaymentName['record'] {
  return { idTrxAcquirer, trxMs, acquirerCode, acquirerId, operationType };
}

export function nameText({ hpan, record }: PaymentName): string {
  return `${hpan} ${recordKeyText(record)}`;
}
