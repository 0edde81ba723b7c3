/** Forms of what is taken out of counting. */
import type {
  ExclusionListed,
  ExclusionRequest,
  ExclusionStep,
  ExclusionsPart,
  ListedExclusionState,
} from '../../../engine/index.ts';
import { exclusion, integer, nullable, oneOf, paymentName, shape, text } from '../../../snapshots/index.ts';

export const exclusionsPart = shape<ExclusionsPart>({
  partition: integer,
  state: oneOf<ListedExclusionState>({ proposed: 0, excluded: 1, lifted: 2 }),
  after: text,
  countMax: integer,
});

export const exclusionListed = shape<ExclusionListed>({ sub: text, exclusion });

export const exclusionRequest = shape<ExclusionRequest>({
  citizen: text,
  payment: nullable(paymentName),
  step: oneOf<ExclusionStep>({ exclude: 0, lift: 1, appeal: 2, approve: 3, reject: 4 }),
  operator: text,
  reason: text,
});
