/**
 * The small charge by which a card's bank says that it is good (domain 6.3); the app asked for it once the card was added.
 *
 * That it was charged is kept nowhere, for no row has words for it: the bank knows it, by a key that follows from the
 * command's id, and charges once however often that is sent. A card that its bank refuses goes from the wallet as if the
 * citizen removed it, and that removal is how a refusal is known again. An id that is sent for another card is another charge.
 */
import * as v from 'valibot';
import type { CommandId, Hpan, Read } from '../../engine/index.ts';
import { type CardCharges, VERIFICATION_CENTS } from '../partners/index.ts';
import { type Citizen, type CitizenCallOptions, execute, readCommandBody } from './citizen-call.ts';
import { furtherId } from './command-id.ts';
import { citizenOf } from './io-call.ts';
import { type Answer, json, refuse } from './respond.ts';
import type { Call } from './route.ts';
import { idOf } from './wallet-resources.ts';

export interface CardVerificationOptions extends CitizenCallOptions {
  readonly cardCharges: CardCharges;
}

const payBody = v.object({ data: v.object({ idWallet: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) }) });

/** CARD_REFUSED: the card is out of the wallet. METHOD_NOT_FOUND: it is not in it. Otherwise nothing has changed. */
export async function verifyCard(options: CardVerificationOptions, call: Call): Promise<Answer> {
  const { engine, cardCharges } = options;
  const sent = await readCommandBody(options, call, payBody);
  if (!sent.ok) return sent;
  const { idWallet } = sent.value.body.data;
  const citizen = citizenOf(engine, call);
  const removalId = furtherId(sent.value.id, `refused ${idWallet}`);
  const removal = await engine.outcome(citizen.key, citizen.origin, removalId);
  if (!removal.ok) return removal;
  if (removal.value.state !== 'not-done') return refuse('CARD_REFUSED');
  const card = await cardOf(options, citizen, idWallet);
  if (!card.ok) return card;
  const charge = { key: furtherId(sent.value.id, `charge ${citizen.key} ${idWallet}`), hpan: card.value };
  const charged = await cardCharges.charge(charge);
  if (charged.ok) return json({ data: { idWallet, amount: AMOUNT, success: true } });
  return charged.code === 'CARD_REFUSED' ? takeOut(options, citizen, { id: removalId, hpan: card.value }) : charged;
}

const AMOUNT = { currency: 'EUR', amount: VERIFICATION_CENTS, decimalDigits: 2 } as const;

/** The hash of the card that the wallet lists under an id. */
async function cardOf({ engine }: CardVerificationOptions, { key }: Citizen, idWallet: number): Promise<Read<Hpan>> {
  const wallet = await engine.wallet(key);
  if (!wallet.ok) return wallet.code === 'CITIZEN_NOT_FOUND' ? refuse('METHOD_NOT_FOUND') : wallet;
  const card = wallet.value.methods.find(
    ({ hpan, details }) => details?.methodKind === 'card' && idOf(hpan) === idWallet,
  );
  return card === undefined ? refuse('METHOD_NOT_FOUND') : { ok: true, value: card.hpan };
}

interface Removal {
  readonly id: CommandId;
  readonly hpan: Hpan;
}

async function takeOut({ engine }: CardVerificationOptions, citizen: Citizen, { id, hpan }: Removal): Promise<Answer> {
  const removed = await execute(engine, citizen, id, { kind: 'removeMethod', hpan });
  return removed.ok || removed.code === 'METHOD_NOT_FOUND' ? refuse('CARD_REFUSED') : removed;
}
