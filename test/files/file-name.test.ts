// Method: names are tried valid, invalid, and one step between.
import { expect, test } from 'vitest';
import { readFileName } from '../../server/files/file-name.ts';

test('a file is named after what it is, its sender, its date and its time', () => {
  const plain = 'CSTAR.36081.TRNLOG.20210211.235959.001.csv';
  expect(readFileName(plain)).toEqual({ kind: 'transactions', sender: '36081', isEncrypted: false, plain });
  expect(readFileName('CSTAR.36081.TRNLOG.20210211.235959.001.csv.pgp')).toEqual({
    kind: 'transactions',
    sender: '36081',
    isEncrypted: true,
    plain,
  });
  const other = 'CSTAR.00000.TRNLOG.20200229.000000.999.csv';
  expect(readFileName(other)).toEqual({ kind: 'transactions', sender: '00000', isEncrypted: false, plain: other });
  const tokens = 'TKM.36081.TKNLST.20210211.101530.001.csv';
  expect(readFileName(tokens)).toEqual({ kind: 'tokens', sender: '36081', isEncrypted: false, plain: tokens });
  expect(readFileName(`${tokens}.pgp`)).toEqual({ kind: 'tokens', sender: '36081', isEncrypted: true, plain: tokens });
  for (const name of [
    '',
    'CSTAR.3608.TRNLOG.20210211.101530.001.csv',
    'CSTAR.360811.TRNLOG.20210211.101530.001.csv',
    'CSTAR.36081.TRNLOG.20210229.101530.001.csv',
    'CSTAR.36081.TRNLOG.20211301.101530.001.csv',
    'CSTAR.36081.TRNLOG.20210211.240000.001.csv',
    'CSTAR.36081.TRNLOG.20210211.106000.001.csv',
    'CSTAR.36081.TRNLOG.20210211.101560.001.csv',
    'CSTAR.36081.TRNLOG.20210211.101530.01.csv',
    'CSTAR.36081.TRNLOG.20210211.101530.001.csv.gpg',
    'CSTAR.36081.TRNLOG.20210211.101530.001.csv.pgp.pgp',
    'CSTAR.36081.TRNLOG.20210211.101530.001.pgp',
    'cstar.36081.trnlog.20210211.101530.001.csv',
    'TKM.36081.TRNLOG.20210211.101530.001.csv',
    'CSTAR.36081.TKNLST.20210211.101530.001.csv',
    'TKM.3608.TKNLST.20210211.101530.001.csv',
    'TKM.36081.TKNLST.20210229.101530.001.csv',
    'CSTAR.36081.TRNLOG.20210211.101530.001.csv\n',
    '../CSTAR.36081.TRNLOG.20210211.101530.001.csv',
  ]) {
    expect(readFileName(name), JSON.stringify(name)).toBeNull();
  }
});
