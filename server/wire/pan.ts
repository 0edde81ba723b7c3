/** Finds card numbers where none belongs (faults 60): people paste them into the first field they see. */

/** 13 to 19 digits, with single blanks or dashes between them as printed on a card, and no digit around. */
const DIGIT_RUN = /(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)/g;

/** Leading digits and lengths that the card networks issue (ISO/IEC 7812): Visa, Mastercard, Amex, Diners, JCB, the rest. */
const NETWORK_FORM =
  /^(?:4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3[05689]\d{12,17}|(?:50|5[6-9]|6)\d{11,18})$/;

/** True when some run of digits in a text that a person wrote passes the Luhn check of a card number. */
export function containsPan(text: string): boolean {
  if (text.length < 13) return false;
  const runs = text.match(DIGIT_RUN);
  return runs?.some((run) => passesLuhn(run.replace(/[ -]/g, ''))) ?? false;
}

/**
 * True when a machine's identifier is a card number. One in ten numeric identifiers passes Luhn by chance, and refusing
 * the payments of a shop for that would be worse: so its length and leading digits must be those of a network too.
 */
export function isNetworkPan(text: string): boolean {
  return NETWORK_FORM.test(text) && passesLuhn(text);
}

/** A text of columns without its card numbers; hashes of them may stay. */
export function withoutPans(text: string): string {
  const columns = text.split(';');
  const isClean = (column: string) => column.length < 13 || HASH_FORM.test(column);
  return columns.map((column) => (isClean(column) ? column : column.replace(DIGIT_RUN, masked))).join(';');
}

const HASH_FORM = /^[0-9a-f]{64}$/i;

function masked(run: string): string {
  return isNetworkPan(run.replace(/[ -]/g, '')) ? '*'.repeat(run.length) : run;
}

/** ISO/IEC 7812-1 annex B: from the right, every second digit counts double. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48;
    const weighted = index % 2 === 0 ? digit : digit * 2;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0 && sum > 0;
}
