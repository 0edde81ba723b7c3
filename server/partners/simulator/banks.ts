/** Banks that know their customers' methods, simulated: each has what a citizen's tax code makes of it, unless it is silent. */
import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { BANKS_PATH, SEARCH_KINDS } from '../method-search.ts';
import type { SimulatedAnswer, SimulatedPartner } from './simulated-partner.ts';

export const BANKS = 'banks';

export const SIMULATED_BANKS = [
  { abi: '02008', name: 'Banca Uno' },
  { abi: '03069', name: 'Banca Due' },
  { abi: '05034', name: 'Banca Tre' },
  { abi: '07601', name: 'Banca Quattro' },
  { abi: '36081', name: 'Banca Cinque' },
] as const;

/** ABIs of banks that answer with an error. */
const settings = { silent: v.optional(v.array(v.string()), []) };

const askedSchema = v.object({ kind: v.picklist(SEARCH_KINDS), taxCode: v.string() });
const METHODS = new RegExp(`^${BANKS_PATH}/(\\d{5})/methods$`);

export const simulatedBanks: SimulatedPartner = {
  settings,
  takes: (method, path) => (method === 'GET' && path === BANKS_PATH) || (method === 'POST' && METHODS.test(path)),
  answer(body, { silent = [] }, path): SimulatedAnswer {
    const abi = METHODS.exec(path)?.[1];
    if (abi === undefined) return { status: 200, body: SIMULATED_BANKS };
    if ((silent as readonly string[]).includes(abi)) return { status: 502 };
    const asked = v.safeParse(askedSchema, body);
    if (!asked.success) return { status: 400 };
    return { status: 200, body: methodsAt(abi, asked.output) };
  },
};

/** Every third bank has nothing; the others one, always the same. */
function methodsAt(abi: string, { kind, taxCode }: v.InferOutput<typeof askedSchema>): readonly object[] {
  const digest = createHash('sha256').update(`${abi} ${kind} ${taxCode}`).digest();
  if (digest[0]! % 3 === 0) return [];
  const digits = String(digest.readUIntBE(1, 6) % 10 ** 12).padStart(12, '0');
  return [{ id: `9999${digits}`, brand: kind.toUpperCase(), lastDigits: digits.slice(-4), expiry: '2024-12' }];
}
