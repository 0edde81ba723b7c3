/** Texts in the characters that every bank of SEPA takes (EPC217-08): Latin letters, digits and ten signs. */

const FOREIGN = /[^a-zA-Z0-9/?:().,'+ -]/gu;
/** Accents, once they stand apart from their letters. */
const MARK = /\p{M}/gu;
const BLANKS = /\s+/g;

/** Most texts, which are as they come out: 0.1 us in place of 1.2. */
const PLAIN = /^[a-zA-Z0-9/?:().,'+-]+(?: [a-zA-Z0-9/?:().,'+-]+)*$/;

/** What does not come apart into a letter and its accent. */
const SPELLED: Readonly<Record<string, string>> = {
  Æ: 'AE',
  æ: 'ae',
  Œ: 'OE',
  œ: 'oe',
  Ø: 'O',
  ø: 'o',
  Đ: 'D',
  đ: 'd',
  Ð: 'D',
  ð: 'd',
  Ħ: 'H',
  ħ: 'h',
  Ł: 'L',
  ł: 'l',
  ı: 'i',
  Þ: 'TH',
  þ: 'th',
  ẞ: 'SS',
  ß: 'ss',
  '&': '+',
  '€': 'EUR',
  '"': "'",
  '“': "'",
  '”': "'",
  '«': "'",
  '»': "'",
  '‘': "'",
  '’': "'",
  '`': "'",
  '´': "'",
  _: '-',
  '–': '-',
  '—': '-',
};

/**
 * The text as a bank can show it, cut to `lengthMax`; what has no spelling is a full stop. Nothing that comes out means
 * anything in XML.
 */
export function sepaText(text: string, lengthMax: number): string {
  if (PLAIN.test(text)) return text.slice(0, lengthMax).trimEnd();
  const spelled = text
    .replace(FOREIGN, (character) => SPELLED[character] ?? character)
    .normalize('NFKD')
    .replace(MARK, '')
    .replace(BLANKS, ' ')
    .replace(FOREIGN, '.');
  return spelled.trim().slice(0, lengthMax).trimEnd();
}
