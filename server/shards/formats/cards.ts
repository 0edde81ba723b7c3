/** Forms of what a card partition shows. */
import type { ActivationView, CoveredPage, CoveredPart, InstrumentView } from '../../../engine/index.ts';
import { integer, list, nullable, oneOf, shape, text } from '../../../snapshots/index.ts';

export const instrumentView = shape<InstrumentView>({
  hpan: text,
  status: oneOf<InstrumentView['status']>({ ACTIVE: 0, INACTIVE: 1 }),
  activationMs: integer,
  deactivationMs: nullable(integer),
});

export const activationView = shape<ActivationView>({
  citizen: text,
  channel: text,
  activationMs: integer,
  deactivationMs: nullable(integer),
});

export const coveredPart = shape<CoveredPart>({
  partition: integer,
  dayNumber: integer,
  after: text,
  countMax: integer,
});

export const coveredPage = shape<CoveredPage>({ hpans: list(text), next: nullable(text) });
