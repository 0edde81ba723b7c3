/** `clickday partners`: the programme's third parties, simulated, for development. */
import { defineCommand } from 'citty';
import { PartnerSimulator } from '../../server/index.ts';
import { isWhole, JSON_ARGUMENT, numberArgument, print, printJson } from './verb.ts';

export const partners = defineCommand({
  meta: { name: 'partners', description: 'Simulate the third parties that the programme asks, until Ctrl-C.' },
  args: {
    port: { type: 'string', description: 'port on 127.0.0.1; 0 = any', valueHint: 'N', default: '8090' },
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const isPort = (value: number) => isWhole(value) && value < 65_536;
    const simulator = new PartnerSimulator();
    const url = await simulator.listen(numberArgument('port', args.port, isPort, 'a port from 0 to 65535'));
    if (args.json) printJson({ url });
    else print(welcome(url));
    await new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
    });
    await simulator.close();
    return 0;
  },
});

const VARIABLES = [
  'CLICKDAY_IBAN_CHECKER_URL',
  'CLICKDAY_CARD_VAULT_URL',
  'CLICKDAY_BANKS_URL',
  'CLICKDAY_CARD_CHARGES_URL',
] as const;

function welcome(url: string): string {
  return [
    `The programme's third parties are simulated on ${url}. Serve with them:`,
    `  ${VARIABLES.map((name) => `${name}=${url}`).join(' ')} npx clickday serve`,
    'They behave as they are told:',
    `  curl -X PUT ${url}/control/iban-checker -d '{"mode":"down"}'       (or unavailable, silent, up)`,
    `  curl -X PUT ${url}/control/banks -d '{"silent":["03069"]}'`,
    `  curl -X PUT ${url}/control/iban-checker -d '{"delayMs":2000,"answers":{"IT60X0542811101000000123456":"KO"}}'`,
  ].join('\n');
}
