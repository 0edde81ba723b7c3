/** How files of acquirers are named (domain 9): of which kind they are, and whose. */
import { dayNumberOf } from '../../engine/index.ts';

/** `CSTAR.<ABI>.TRNLOG.<YYYYMMDD>.<HHMISS>.<nnn>.csv`, and `.pgp` behind it where the file is encrypted; or `TKM.<ABI>.TKNLST.…`. */
const NAME =
  /^(?<from>CSTAR|TKM)\.(?<abi>\d{5})\.(?<what>TRNLOG|TKNLST)\.(?<year>\d{4})(?<month>\d\d)(?<day>\d\d)\.(?<time>\d{6})\.\d{3}\.csv(?<pgp>\.pgp)?$/;
const TIME = /^([01]\d|2[0-3])([0-5]\d){2}$/;

/** Transactions; device tokens and the accounts that they belong to. */
const KINDS = { 'CSTAR TRNLOG': 'transactions', 'TKM TKNLST': 'tokens' } as const;
type Kind = (typeof KINDS)[keyof typeof KINDS];

export interface FileName {
  readonly kind: Kind;
  /** ABI code. */
  readonly sender: string;
  readonly isEncrypted: boolean;
  /** Of the file that it is once it is not encrypted. */
  readonly plain: string;
}

/** @returns null where this is not the name of such a file */
export function readFileName(name: string): FileName | null {
  const { from, what, abi, year, month, day, time, pgp } = NAME.exec(name)?.groups ?? {};
  if (abi === undefined || time === undefined) return null;
  const kind = (KINDS as Readonly<Record<string, Kind>>)[`${from} ${what}`];
  const isDated = dayNumberOf(`${year}-${month}-${day}`) !== null && TIME.test(time);
  if (kind === undefined || !isDated) return null;
  const isEncrypted = pgp !== undefined;
  return { kind, sender: abi, isEncrypted, plain: isEncrypted ? name.slice(0, -pgp.length) : name };
}
