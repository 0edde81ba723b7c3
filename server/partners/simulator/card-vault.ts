/** The card vault, simulated: hashes whatever it is given. */
import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { italy2020 } from '../../../engine/index.ts';
import { VAULT_PATH } from '../card-vault.ts';
import type { SimulatedAnswer, SimulatedPartner } from './simulated-partner.ts';

export const CARD_VAULT = 'card-vault';

/** The programme's, whose files carry the same hashes: here that of the programmes that are built in. */
const { panSalt } = italy2020();
const settings = { salt: v.optional(v.string(), panSalt) };

const askedSchema = v.object({ id: v.pipe(v.string(), v.minLength(1)) });

export const simulatedCardVault: SimulatedPartner = {
  settings,
  takes: (method, path) => method === 'POST' && path === VAULT_PATH,
  answer(body, { salt = panSalt }): SimulatedAnswer {
    const asked = v.safeParse(askedSchema, body);
    if (!asked.success) return { status: 400 };
    const hpan = createHash('sha256')
      .update(`${asked.output.id}${salt as string}`)
      .digest('hex');
    return { status: 201, body: { hpan } };
  },
};
