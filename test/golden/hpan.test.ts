// Method: the published hashes of domain 9 and 10, and one digit off.
import { expect, test } from 'vitest';
import { italy2020 } from '../../engine/index.ts';
import { hashPan } from '../../server/identity/hpan.ts';

const { panSalt } = italy2020();

test('G46 a card number and the salt give the published hash', () => {
  expect(panSalt).toBe('SALT-TEST-0001');
  expect(hashPan('4111111111111111', panSalt)).toBe('0fe5a8c6dd4d01f88512185bdce11f78f0be2e649132c7c4b90da2309f961d52');
});

test('G46 so do the test cards of the acquirers’ file', () => {
  expect(['1', '2', '3'].map((digit) => hashPan(`999900000000000${digit}`, panSalt))).toEqual([
    '06e2ab00e013c6e50cf3bf2bed93914e0d68b27b909248b4747ff3931d8e2f40',
    '1cefd9cdd25d49c5d4b0635d33ee7590eed180708c4ee4207107f70f68b59388',
    '0689639ea8ac6249e3e345a383aaaf8bf78a6c080d1b8c7ca9adbaacb17a3f9b',
  ]);
});
