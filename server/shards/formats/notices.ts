/** Forms of notices in a list, of runs that queue them and of what became of them. */
import type { NoticeChange, NoticeListed, NoticeRunWork, NoticesPart } from '../../../engine/index.ts';
import { integer, notice, noticeRunKind, nullable, oneOf, shape, standing, text } from '../../../snapshots/index.ts';
import { union } from './composed.ts';

export const noticesPart = shape<NoticesPart>({
  partition: integer,
  state: oneOf<NoticesPart['state']>({ due: 0, failed: 1 }),
  after: text,
  countMax: integer,
  untilMs: nullable(integer),
});

export const noticeListed = shape<NoticeListed>({ sub: text, notice });

export const noticeChange = union<NoticeChange>({
  kind: oneOf<NoticeChange['kind']>({ delivered: 0, failed: 1, withdrawn: 2, later: 3 }),
  id: text,
  citizen: text,
  dueMs: integer,
  laterMs: integer,
});

export const noticeRunWork = shape<NoticeRunWork>({
  run: noticeRunKind,
  awardPeriodId: integer,
  lastWinner: nullable(standing),
});
