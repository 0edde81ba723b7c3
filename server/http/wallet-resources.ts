/** A wallet's methods as the app had them. */
import type { MethodDetails, MethodView } from '../../engine/index.ts';

/** Enabled without being listed, a method is none of the wallet's. */
export function methodResource(
  { hpan, details, cashback, channel }: MethodView,
  favourite: string | null,
): readonly object[] {
  if (details === null) return [];
  const isFavourite = hpan === favourite;
  return [
    { idWallet: idOf(hpan), ...described(hpan, details), favourite: isFavourite, onboardingChannel: channel, cashback },
  ];
}

export function described(
  hashPan: string,
  { methodKind, brand, lastDigits, expiry, issuerAbi }: MethodDetails,
): object {
  const [expireYear, expireMonth] = expiry.split('-');
  const info = {
    hashPan,
    brand,
    blurredNumber: lastDigits,
    issuerAbiCode: issuerAbi,
    ...(expireMonth === undefined ? {} : { expireMonth, expireYear }),
  };
  return { walletType: WALLET_TYPES[methodKind], enableableFunctions: ['BPD'], info };
}

const WALLET_TYPES = {
  card: 'Card',
  bancomat: 'Bancomat',
  satispay: 'Satispay',
  bpay: 'BPay',
  cobadge: 'Card',
  privative: 'Private',
} as const satisfies Record<MethodDetails['methodKind'], string>;

/** The app wants a number: 48 bits of the hash are one, and within a wallet of 64 no other method has it. */
export function idOf(hpan: string): number {
  return Number.parseInt(hpan.slice(0, 12), 16);
}
