import { setTimeout as pause } from 'node:timers/promises';

const AGAIN_MS = 100;
/** On a crowded machine too an engine is started again by then. */
const PATIENCE_MS = 60_000;

/** Asks until somebody answers: an engine may just be starting. @throws TypeError where nobody does */
export async function patientFetch(url: string, request: RequestInit = {}): Promise<Response> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await fetch(url, request);
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await pause(AGAIN_MS);
    }
  }
}
