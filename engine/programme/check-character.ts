/**
 * The check letter that Italy puts on tax codes and on bank accounts: one algorithm, two documents
 * (decree of 23 December 1976; ABI standard for the CIN).
 */

/** Weights at odd places (the first, the third, ...) of the digits 0-9, and alike of the letters A-Z. */
const ODD_PLACE_WEIGHTS = [
  1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
] as const;

const CODE_OF_ZERO = 48;
const CODE_OF_A = 65;

/** @param text digits and upper-case letters only */
export function checkCharacter(text: string): string {
  let sum = 0;
  for (let index = 0; index < text.length; index += 1) {
    const value = evenPlaceWeight(text.charCodeAt(index));
    sum += index % 2 === 0 ? ODD_PLACE_WEIGHTS[value]! : value;
  }
  return String.fromCharCode(CODE_OF_A + (sum % 26));
}

function evenPlaceWeight(code: number): number {
  return code >= CODE_OF_A ? code - CODE_OF_A : code - CODE_OF_ZERO;
}
