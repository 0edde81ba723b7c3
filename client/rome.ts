/** Days and hours in Europe/Rome, where the programme lives. */

const DAY = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Rome', dateStyle: 'short' });
const MOMENT = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'Europe/Rome',
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
});

/** `YYYY-MM-DD` */
export function romeDay(ms: number): string {
  return DAY.format(ms);
}

/** `Tue 8 Dec 2020 10:42` */
export function romeMoment(ms: number): string {
  return MOMENT.format(ms).replaceAll(',', '');
}
