/** Where cards are charged, simulated: every bank agrees, but for the cards named by command. What was answered once stands. */
import * as v from 'valibot';
import { CHARGES_PATH } from '../card-charges.ts';
import type { SimulatedAnswer, SimulatedPartner } from './simulated-partner.ts';

export const CARD_CHARGES = 'card-charges';

/** Hashes of cards whose bank says no. */
const settings = { refused: v.optional(v.array(v.string()), []) };

const askedSchema = v.object({
  key: v.pipe(v.string(), v.minLength(1)),
  hpan: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  amountCents: v.pipe(v.number(), v.integer(), v.minValue(1)),
  currency: v.literal('EUR'),
});

type Asked = v.InferOutput<typeof askedSchema>;

/** `GET /v1/charges` lists what was charged, for whoever wants to see it. */
export function simulateCardCharges(): SimulatedPartner {
  const judged = new Map<string, { readonly asked: Asked; readonly status: 201 | 402 }>();

  const judge = (asked: Asked, refused: readonly string[]): SimulatedAnswer => {
    const before = judged.get(asked.key);
    if (before !== undefined && before.asked.hpan !== asked.hpan) return { status: 409 };
    const status = before?.status ?? (refused.includes(asked.hpan) ? 402 : 201);
    judged.set(asked.key, { asked, status });
    return { status, body: { key: asked.key } };
  };

  return {
    settings,
    takes: (method, path) => (method === 'POST' || method === 'GET') && path === CHARGES_PATH,
    answer(body, { refused = [] }): SimulatedAnswer {
      if (body === undefined) {
        const charged = [...judged.values()].filter(({ status }) => status === 201);
        return { status: 200, body: charged.map(({ asked }) => asked) };
      }
      const asked = v.safeParse(askedSchema, body);
      return asked.success ? judge(asked.output, refused as readonly string[]) : { status: 400 };
    },
  };
}
