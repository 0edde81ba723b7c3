/**
 * What it costs to refuse: a full server that tells everybody when to come back, and hears most of them before that, beside a
 * bare echo of the same requests at the same instants on the same transport. Each is measured some times in turn, and the pair
 * with the median ratio counts.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LIMITS, makeTaxCode } from '../engine/index.ts';
import { startEcho } from './contender.ts';
import { Generator } from './load/generator.ts';
import { IN_FLIGHT_MAX, type LoadPlan, type LoadResult } from './load/plan.ts';
import { RawSocket } from './load/raw-socket.ts';
import { blank, Ids, Template } from './load/template.ts';
import { TICK_MS } from './process-cost.ts';
import { ServerProcess } from './server-process.ts';
import { median } from './statistics.ts';
import type { SuiteResult } from './suite.ts';
import { signTokens } from './tokens.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 500);
/** Fewer than whoever is told to wait may send on. */
const REQUESTS_EACH = 150;
/** Of all together, so that they come one by one, each on another connection. */
const PER_SECOND = 20_000;
/** What one request takes: one in 400 of those who come is let in, and none waits long for its answer. */
const SLOWDOWN_US = 20_000;
const EVE = '2020-12-07T10:00:00+01:00';
const PROTOCOL = 'clickday.v1.msgpack';
const ID = blank(2, 32);
const TAX_CODE = blank(3, 16);

interface Measured {
  readonly cpuUs: number;
  readonly result: LoadResult;
}

export async function run(): Promise<SuiteResult> {
  const folder = await mkdtemp(join(tmpdir(), 'clickday-bench-'));
  const generator = new Generator();
  const echo = await startEcho();
  if (echo === null) return { results: [], ratios: [] };
  try {
    const pairs: { readonly refusing: Measured; readonly echoing: Measured }[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const data = join(folder, `${round}`);
      const server = await fullServer(data);
      const tokens = await citizenTokens(data);
      const plan = (port: number): LoadPlan => ({
        ...{ host: '127.0.0.1', port, tokens, workload: 'read', inFlight: IN_FLIGHT_MAX, isDeaf: true },
        ...{ warmUpMs: 0, measureMs: 0, run: '00000' },
        ...{ ratePerSecond: PER_SECOND, requestCount: CONNECTIONS * REQUESTS_EACH },
      });
      await generator.run(plan(server.port)); // Compiled by now, as it is where many come.
      const refusing = await measure(generator, plan(server.port), () => server.cpuMs());
      await server.kill();
      const echoing = await measure(generator, plan(echo.port), () => echo.parts[0]!.cpuMs());
      pairs.push({ refusing, echoing });
    }
    const ratioOf = ({ refusing, echoing }: (typeof pairs)[number]) => refusing.cpuUs / echoing.cpuUs;
    const pair = median(pairs, ratioOf);
    return {
      results: [
        { name: 'refusal', unit: 'us/request', value: pair.refusing.cpuUs },
        { name: 'echo', unit: 'us/request', value: pair.echoing.cpuUs },
      ],
      ratios: [{ name: 'refusal to echo', value: ratioOf(pair), of: 'refusal', to: 'echo' }],
      notes: [JSON.stringify(pair.refusing.result.refused)],
    };
  } finally {
    generator.close();
    await echo.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** It has had a window of enrolments to do, one after the other, and by the last of them it knows how slow it is. */
async function fullServer(data: string): Promise<ServerProcess> {
  const options = { data, shards: 1, programme: 'italy-2020', now: EVE, citizenRate: 0, slowdownUs: SLOWDOWN_US };
  const server = await ServerProcess.start(options);
  const enrol = new Template({ type: 'enrol', id: ID, taxCode: TAX_CODE }, [ID, TAX_CODE]);
  const ids = new Ids(Date.now(), '00000');
  const [token] = await signTokens(data, 'issuer', ['03069']);
  // The greeting is a frame, too.
  let framesDue = 1 + LIMITS.inFlightPerSocketMax;
  await new Promise<void>((resolve, reject) => {
    const socket = new RawSocket({
      ...{ host: '127.0.0.1', port: server.port, path: '/ws', protocol: PROTOCOL, token: token! },
      onFrame: () => {
        framesDue -= 1;
        if (framesDue === 0) resolve();
      },
      onClosed: (reason) => reject(new Error(`a connection was cut: ${reason}`)),
    });
    socket.opened.then(() => {
      for (let number = 0; number < LIMITS.inFlightPerSocketMax; number += 1)
        socket.send(enrol.fill(1, [ids.next(), Buffer.from(makeTaxCode(number))]));
    }, reject);
  });
  return server;
}

function citizenTokens(data: string): Promise<readonly string[]> {
  const subjects = Array.from({ length: CONNECTIONS }, (_, number) => makeTaxCode(1_000_000 + number));
  return signTokens(data, 'citizen', subjects);
}

async function measure(generator: Generator, plan: LoadPlan, cpuMs: () => number): Promise<Measured> {
  let [beforeMs, afterMs] = [0, 0];
  const result = await generator.run(plan, (phase) => {
    if (phase === 'measuring') beforeMs = cpuMs();
    else afterMs = cpuMs();
  });
  // A run that is shorter than what the system counts in took no more than that.
  return { cpuUs: (Math.max(afterMs - beforeMs, TICK_MS) * 1_000) / result.requests, result };
}
