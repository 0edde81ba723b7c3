/** Makes the program behind `npm run simulate`, which makes the simulations. Packages stay outside. */
export default {
  input: 'test/simulation/main.ts',
  platform: 'node',
  external: /^[^./]/,
  logLevel: 'warn',
  output: { file: '.tmp/simulation/main.mjs', format: 'esm' },
};
