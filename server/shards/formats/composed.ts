/** Forms made of others: unions, answers that may be refusals, arguments. */
import type { Read } from '../../../engine/index.ts';
import { type Codec, type Fields, flag, integer, nullable, refusal, sparse, text } from '../../../snapshots/index.ts';

/** Every field of any member of a union, present or not. */
type AnyField<U> = { [K in U extends U ? keyof U : never]?: U extends { readonly [P in K]?: infer V } ? V : never };

/** A union as one object whose fields may be absent: which are there says which member it is. */
export function union<U extends object>(fields: Fields<AnyField<U>>): Codec<U> {
  return sparse<AnyField<U>>(fields) as unknown as Codec<U>;
}

export const refusedFields = { code: refusal, retryAtMs: integer, detail: text };

export function read<T>(value: Codec<T>): Codec<Read<T>> {
  const fields = { ok: flag, value, ...refusedFields } as unknown as Fields<AnyField<Read<T>>>;
  return union<Read<T>>(fields);
}

export function tuple<T extends readonly unknown[]>(...codecs: { readonly [I in keyof T]-?: Codec<T[I]> }): Codec<T> {
  return {
    write(to, values) {
      for (let at = 0; at < codecs.length; at += 1) codecs[at]!.write(to, values[at]);
    },
    read: (from) => codecs.map((codec) => codec.read(from)) as unknown as T,
  };
}

export function optional<T>(inner: Codec<T>): Codec<T | undefined> {
  const orNull = nullable(inner);
  return {
    write: (to, value) => orNull.write(to, value ?? null),
    read: (from) => orNull.read(from) ?? undefined,
  };
}
