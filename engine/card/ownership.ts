/** Who held a card on which day (domain 2.2, the day rule). */
import { romeDayNumber } from '../programme/index.ts';
import type { Card, HistoryRow } from './card.ts';
import { lastActivation } from './card-facts.ts';

/** The activation that covers a day: after its own day, up to and including the day it ended. */
export function coveringRow(card: Card, dayNumber: number): HistoryRow | undefined {
  return card.history.find((row) => coversDay(row, dayNumber));
}

export function coversDay(
  { activationMs, deactivationMs }: Pick<HistoryRow, 'activationMs' | 'deactivationMs'>,
  dayNumber: number,
): boolean {
  const isOver = deactivationMs !== null && romeDayNumber(deactivationMs) < dayNumber;
  return romeDayNumber(activationMs) < dayNumber && !isOver;
}

/** DECISION 37: a requested end lies between the activation and now. */
export function clampDeactivation(card: Card, requestedMs: number | null, nowMs: number): number {
  if (requestedMs === null) return nowMs;
  return Math.min(Math.max(requestedMs, lastActivation(card)?.activationMs ?? nowMs), nowMs);
}
