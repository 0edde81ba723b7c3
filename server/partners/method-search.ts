/**
 * Where citizens' payment methods are found by tax code (domain 2.3): each bank is asked for itself, in its own time, so that
 * what one of them has does not wait for what another one has not (R12, R15).
 */
import * as v from 'valibot';
import type { Read } from '../../engine/index.ts';
import { Partner, PartnerFault, type PartnerOptions } from './partner.ts';

export const SEARCH_KINDS = ['bancomat', 'bpay', 'cobadge', 'satispay'] as const;
export type SearchKind = (typeof SEARCH_KINDS)[number];

export interface Bank {
  readonly abi: string;
  readonly name: string;
}

export interface FoundMethod {
  /** What is hashed; it goes no further than to the vault. */
  readonly id: string;
  readonly abi: string;
  readonly brand: string;
  readonly lastDigits: string;
  /** `YYYY-MM`, or empty. */
  readonly expiry: string;
}

export interface Searched {
  readonly methods: readonly FoundMethod[];
  /** Those that did not answer: they may have more. */
  readonly silent: readonly Bank[];
}

export interface MethodSearch {
  /** PARTNER_UNAVAILABLE where nobody says which there are, and nobody ever did. */
  banks(): Promise<Read<readonly Bank[]>>;
  /** @param abi of one bank; null = all of them. FIELD_INVALID for one that is none. Never rejects for a partner's fault. */
  search(kind: SearchKind, taxCode: string, abi: string | null): Promise<Read<Searched>>;
}

export const BANKS_PATH = '/v1/banks';
/** The list of banks is asked for anew after so long; the last one stands until then, and whenever there is no other. */
const LIST_MS = 600_000;
const BANKS_MAX = 1_000;
const METHODS_MAX = 50;

const text = (lengthMax: number) => v.pipe(v.string(), v.maxLength(lengthMax));
const banksSchema = v.pipe(
  v.array(v.object({ abi: v.pipe(v.string(), v.regex(/^\d{5}$/)), name: text(140) })),
  v.maxLength(BANKS_MAX),
);
const methodsSchema = v.pipe(
  v.array(
    v.object({
      id: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
      brand: v.optional(text(32), ''),
      lastDigits: v.optional(v.pipe(v.string(), v.regex(/^\d{0,4}$/)), ''),
      expiry: v.optional(v.pipe(v.string(), v.regex(/^(\d{4}-(0[1-9]|1[0-2]))?$/)), ''),
    }),
  ),
  v.maxLength(METHODS_MAX),
);

/** `GET /v1/banks`; `POST /v1/banks/ABI/methods {kind, taxCode}`. */
export class HttpMethodSearch implements MethodSearch {
  readonly #options: PartnerOptions;
  readonly #monotonicMs: () => number;
  readonly #directory: Partner;
  /** By ABI: one that fails is left alone, and the others are not. */
  readonly #partners = new Map<string, Partner>();
  #known: { readonly banks: readonly Bank[]; readonly askedMs: number } | null = null;

  constructor(options: PartnerOptions, monotonicMs: () => number) {
    this.#options = options;
    this.#monotonicMs = monotonicMs;
    this.#directory = new Partner(options);
  }

  async banks(): Promise<Read<readonly Bank[]>> {
    const nowMs = this.#monotonicMs();
    if (this.#known !== null && nowMs - this.#known.askedMs < LIST_MS) return { ok: true, value: this.#known.banks };
    const banks = await answered(this.#directory.call('GET', BANKS_PATH), banksSchema);
    if (banks !== null) this.#known = { banks, askedMs: nowMs };
    return this.#known === null ? UNAVAILABLE : { ok: true, value: this.#known.banks };
  }

  async search(kind: SearchKind, taxCode: string, abi: string | null): Promise<Read<Searched>> {
    const banks = await this.banks();
    if (!banks.ok) return banks;
    const asked = banks.value.filter((bank) => abi === null || bank.abi === abi);
    if (abi !== null && asked.length === 0) return { ok: false, code: 'FIELD_INVALID', detail: 'abi' };
    const answers = await Promise.all(asked.map((bank) => this.#ask(bank, kind, taxCode)));
    return {
      ok: true,
      value: {
        methods: answers.flatMap((methods) => methods ?? []),
        silent: asked.filter((_, index) => answers[index] === null),
      },
    };
  }

  /** Null: no answer. */
  async #ask({ abi }: Bank, kind: SearchKind, taxCode: string): Promise<readonly FoundMethod[] | null> {
    let partner = this.#partners.get(abi);
    if (partner === undefined) {
      partner = new Partner(this.#options);
      this.#partners.set(abi, partner);
    }
    const methods = await answered(
      partner.call('POST', `${BANKS_PATH}/${abi}/methods`, { kind, taxCode }),
      methodsSchema,
    );
    return methods?.map((method) => ({ ...method, abi })) ?? null;
  }
}

/** Nobody is configured: there is no bank to ask. */
export const NO_SEARCH: MethodSearch = {
  banks: async () => UNAVAILABLE,
  search: async () => UNAVAILABLE,
};

const UNAVAILABLE = { ok: false, code: 'PARTNER_UNAVAILABLE' } as const;

/** Null where there is no answer that could be understood. */
async function answered<T>(call: ReturnType<Partner['call']>, schema: v.GenericSchema<unknown, T>): Promise<T | null> {
  try {
    const { status, body } = await call;
    const parsed = v.safeParse(schema, body);
    return status === 200 && parsed.success ? parsed.output : null;
  } catch (fault) {
    if (fault instanceof PartnerFault) return null;
    throw fault;
  }
}
