// Method: texts as typed at a terminal are read and compared with the request that they mean; mistakes must name
// what was typed and end with exit code 2.
import { expect, test } from 'vitest';
import { parseFields } from '../../client/cli/fields.ts';
import { refuseUnknownOptions } from '../../client/cli/verb.ts';

test('texts stay texts, numbers of the protocol become numbers', () => {
  expect(parseFields(['iban=IT60X0542811101000000123456', 'awardPeriodId=1', 'cursor=0'])).toEqual({
    iban: 'IT60X0542811101000000123456',
    awardPeriodId: 1,
    cursor: 0,
  });
});

test('a dot opens an object, and digits in it stay a text', () => {
  const fields = ['pan=9999000000000001', 'details.methodKind=card', 'details.issuerAbi=03069'];
  expect(parseFields(fields)).toEqual({ pan: '9999000000000001', details: { methodKind: 'card', issuerAbi: '03069' } });
});

test('brackets open JSON; an equals sign belongs to the value', () => {
  expect(parseFields(['topics=["rank"]', 'accountHolderName=a=b'])).toEqual({
    topics: ['rank'],
    accountHolderName: 'a=b',
  });
});

test.each([['nothing'], ['=value'], ['awardPeriodId=one'], ['limit='], ['topics=[rank'], ['a.b.c=1']])(
  'refuses %s with exit code 2',
  (text) => {
    expect(() => parseFields([text])).toThrow(expect.objectContaining({ exitCode: 2 }));
  },
);

test('an option that does not exist is refused, one that exists is not', () => {
  const definitions = { url: { type: 'string' }, demo: { type: 'boolean' }, file: { type: 'positional' } } as const;
  expect(() =>
    refuseUnknownOptions(['--url', 'x', '--no-demo', 'iban=--x', '--', '--file'], definitions),
  ).not.toThrow();
  for (const mistake of ['--ur', '--file', '-x', '--urls=1']) {
    expect(() => refuseUnknownOptions([mistake], definitions)).toThrow(mistake);
  }
});
