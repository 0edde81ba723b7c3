/** Citizens with a card each, for suites that need many: issuers enrol them over the wire, as in the programme. */
import type { Generator } from './load/generator.ts';
import type { LoadResult } from './load/plan.ts';
import type { ServerProcess } from './server-process.ts';
import { signTokens } from './tokens.ts';

const ISSUER = '03069';
const CONNECTIONS = 50;
const IN_FLIGHT = 32;
const COMMANDS_EACH = 2;

export interface CrowdOptions {
  readonly folder: string;
  readonly server: ServerProcess;
  readonly generator: Generator;
  readonly citizenCount: number;
}

/** Enrols citizens and enables one card of each: numbers of `makeTaxCode` from 0, cards as `hpanOf` of `load/`. */
export async function enrolCrowd({ folder, server, generator, citizenCount }: CrowdOptions): Promise<LoadResult> {
  const tokens = await signTokens(folder, 'issuer', new Array<string>(CONNECTIONS).fill(ISSUER));
  const result = await generator.run({
    ...{ host: '127.0.0.1', port: server.port, tokens, workload: 'seed', inFlight: IN_FLIGHT, run: '5eed0' },
    ...{ warmUpMs: 0, measureMs: 0, citizenCount, requestCount: citizenCount * COMMANDS_EACH },
  });
  if (result.done !== citizenCount * COMMANDS_EACH) {
    throw new Error(`the crowd is not whole: refused ${JSON.stringify(result.refused)}`);
  }
  return result;
}
