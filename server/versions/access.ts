/** What one client can do under one policy: what it is told of it, and how it is refused the rest. */
import type { Refused, WalletCommandBody } from '../../engine/index.ts';
import {
  FEATURES,
  type Feature,
  type FeaturesView,
  type FeatureView,
  type MessageCode,
  sayRefusal,
} from '../wire/index.ts';
import { type Client, compareVersions, versionOf } from './client-version.ts';
import { includes, type Policy } from './policy.ts';

export interface FeatureRefusal extends Refused {
  /** What is said in place of the refusal's own words. */
  readonly instead?: MessageCode;
}

export interface Access {
  readonly view: FeaturesView;
  /** Null: it is on. */
  refusalOf(feature: Feature | null): FeatureRefusal | null;
}

/** @param client null: unknown, and then everything is on */
export function accessUnder(policy: Policy, client: Client | null): Access {
  const isTooOld =
    client !== null && compareVersions(client.version, versionOf(policy.minVersion[client.platform])) < 0;
  const refusals = new Map<Feature, FeatureRefusal>();
  for (const feature of FEATURES) {
    const refusal = client === null ? null : refusalFor(feature, client, isTooOld, policy);
    if (refusal !== null) refusals.set(feature, refusal);
  }
  return {
    view: {
      client: client === null ? null : client.text,
      updateRequired: isTooOld,
      minVersion: client === null ? null : policy.minVersion[client.platform],
      features: Object.fromEntries(
        FEATURES.map((name) => [name, viewOf(refusals.get(name))]),
      ) as FeaturesView['features'],
    },
    refusalOf: (feature) => (feature === null ? null : (refusals.get(feature) ?? null)),
  };
}

/** A ranking is only looked at: nobody is kept from reading by the age of an app (R6). */
function refusalFor(feature: Feature, client: Client, isTooOld: boolean, { features }: Policy): FeatureRefusal | null {
  if (isTooOld && feature !== 'ranking') return { ok: false, code: 'CLIENT_TOO_OLD', detail: feature };
  const { clients, message } = features[feature];
  if (includes(clients[client.platform], client.version)) return null;
  return { ok: false, code: 'FEATURE_OFF', detail: feature, ...(message === undefined ? {} : { instead: message }) };
}

function viewOf(refusal: FeatureRefusal | undefined): FeatureView {
  if (refusal === undefined) return { isOn: true };
  return { isOn: false, code: refusal.code, ...sayRefusal(refusal.code, refusal.instead) };
}

/** What a command needs; null: what may always be done. */
export function featureOf(body: WalletCommandBody): Feature | null {
  switch (body.kind) {
    case 'enrol':
    case 'enableCashback':
    case 'enableAll':
      return 'cashback';
    case 'setIban':
      return 'payout';
    case 'addMethod':
      return body.details.methodKind;
    case 'leave':
    case 'removeMethod':
    case 'setFavourite':
    case 'disableCashback':
      return null;
  }
}
