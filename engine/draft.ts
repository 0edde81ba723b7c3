/**
 * A value that nobody else has seen yet, so whoever holds it may set its fields. What the fields hold stays immutable.
 * A turn copies each wallet and card once, when it first changes it: a copy for each of its facts, by spreading, was
 * measured at a tenth of a turn, and as much again to collect the copies.
 */
export type Draft<T> = { -readonly [K in keyof T]: T[K] };
