/**
 * Formats as values: a codec is declared field by field and type-checked against the data that it stores,
 * so that a field added to a type does not compile until a format says where it goes.
 *
 * Measured on turns of 1,000 large facts against msgpackr 2.1.3 packing arrays of the same fields: 182 bytes a fact,
 * msgpackr 301 with keys as text in about the same time, 217 with keys packed in twice the time. Facts of a usual
 * turn take 0.9 us and 60 bytes.
 */
import { type ByteReader, type ByteWriter, MalformedBytes } from './bytes.ts';

export interface Codec<T> {
  write(to: ByteWriter, value: T): void;
  read(from: ByteReader): T;
}

/** Codecs of all fields of T, in the order in which they are stored. */
export type Fields<T> = { readonly [K in keyof T]-?: Codec<Exclude<T[K], undefined>> };

export const integer: Codec<number> = {
  write: (to, value) => to.integer(value),
  read: (from) => from.integer(),
};

export const text: Codec<string> = {
  write: (to, value) => to.text(value),
  read: (from) => from.text(),
};

export const bytes: Codec<Uint8Array> = {
  write: (to, value) => to.bytes(value),
  read: (from) => from.bytes(),
};

export const flag: Codec<boolean> = {
  write: (to, value) => to.byte(value ? 1 : 0),
  read: (from) => from.byte() === 1,
};

export function nullable<T>(inner: Codec<T>): Codec<T | null> {
  return {
    write(to, value) {
      to.byte(value === null ? 0 : 1);
      if (value !== null) inner.write(to, value);
    },
    read: (from) => (from.byte() === 0 ? null : inner.read(from)),
  };
}

export function list<T>(inner: Codec<T>): Codec<readonly T[]> {
  return {
    write(to, values) {
      to.integer(values.length);
      for (const value of values) inner.write(to, value);
    },
    read(from) {
      const values: T[] = [];
      for (let left = from.integer(); left > 0; left -= 1) values.push(inner.read(from));
      return values;
    },
  };
}

export function pair<A, B>(first: Codec<A>, second: Codec<B>): Codec<readonly [A, B]> {
  return {
    write(to, value) {
      first.write(to, value[0]);
      second.write(to, value[1]);
    },
    read: (from) => [first.read(from), second.read(from)],
  };
}

/** One of a few names, stored as its number. Numbers are appended, never reused. */
export function oneOf<T extends string>(numbers: Readonly<Record<T, number>>): Codec<T> {
  const names = new Map<number, T>();
  for (const name in numbers) names.set(numbers[name], name);
  return {
    write: (to, value) => to.integer(numbers[value]),
    read(from) {
      const number = from.integer();
      const name = names.get(number);
      if (name === undefined) throw new MalformedBytes(`unknown name: ${number}`);
      return name;
    },
  };
}

/** An object with all its fields. The order of `fields` is the format. */
export function shape<T extends object>(fields: Fields<T>): Codec<T> {
  const names = Object.keys(fields) as (keyof T)[];
  const codecs = names.map((name) => fields[name] as Codec<T[keyof T]>);
  return {
    write(to, value) {
      for (let index = 0; index < codecs.length; index += 1) codecs[index]!.write(to, value[names[index]!]);
    },
    read(from) {
      const value = {} as T;
      for (let index = 0; index < codecs.length; index += 1) value[names[index]!] = codecs[index]!.read(from);
      return value;
    },
  };
}

/** An object whose fields may be absent: one bit for each says which are there. */
export function sparse<T extends object>(fields: Fields<T>): Codec<T> {
  const names = Object.keys(fields) as (keyof T)[];
  const codecs = names.map((name) => fields[name] as Codec<T[keyof T]>);
  return {
    write(to, value) {
      const present = names.reduce((bits, name, index) => bits | (value[name] === undefined ? 0 : 1 << index), 0);
      to.integer(present);
      codecs.forEach((codec, index) => {
        if (present & (1 << index)) codec.write(to, value[names[index]!]);
      });
    },
    read(from) {
      const present = from.integer();
      const value = {} as T;
      codecs.forEach((codec, index) => {
        if (present & (1 << index)) value[names[index]!] = codec.read(from);
      });
      return value;
    },
  };
}

interface Tagged {
  readonly kind: string;
}

/** Each kind of a union with its number and its other fields. Numbers are appended, never reused. */
export type Kinds<T extends Tagged> = {
  readonly [K in T['kind']]: readonly [number, Fields<Omit<Extract<T, { readonly kind: K }>, 'kind'>>];
};

export function tagged<T extends Tagged>(kinds: Kinds<T>): Codec<T> {
  const byKind = new Map<string, { readonly number: number; readonly codec: Codec<T> }>();
  const byNumber = new Map<number, Codec<T>>();
  for (const kind of Object.keys(kinds) as T['kind'][]) {
    const [number, fields] = kinds[kind];
    const codec = shape<T>({ kind: constant(kind), ...fields } as unknown as Fields<T>);
    byKind.set(kind, { number, codec });
    byNumber.set(number, codec);
  }
  return {
    write(to, value) {
      const entry = byKind.get(value.kind);
      if (entry === undefined) throw new TypeError(`a kind without a format: ${value.kind}`);
      to.byte(entry.number);
      entry.codec.write(to, value);
    },
    read(from) {
      const number = from.byte();
      const codec = byNumber.get(number);
      if (codec === undefined) throw new MalformedBytes(`unknown kind: ${number}`);
      return codec.read(from);
    },
  };
}

/** Known already from the number of the kind: takes no bytes. */
function constant<T>(value: T): Codec<T> {
  return { write() {}, read: () => value };
}
