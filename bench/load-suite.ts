/**
 * What the load generator could do at most: requests a second against a target in another process that answers
 * without looking. A figure of `end-to-end` near this one would be the generator's, not the server's. SECONDS=4.
 */
import { fork } from 'node:child_process';
import { Generator } from './load/generator.ts';
import type { LoadPlan, LoadResult } from './load/plan.ts';
import type { Measurement, SuiteResult } from './suite.ts';

const MEASURE_MS = Number(process.env.SECONDS ?? 4) * 1_000;
const SHAPES = [
  { connections: 50, inFlight: 1 },
  { connections: 1_000, inFlight: 8 },
] as const;

export async function run(): Promise<SuiteResult> {
  const target = await startTarget();
  const generator = new Generator();
  try {
    const results: Measurement[] = [];
    for (const { connections, inFlight } of SHAPES) {
      const plan: LoadPlan = {
        ...{ host: '127.0.0.1', port: target.port, tokens: new Array<string>(connections).fill('nobody'), inFlight },
        ...{ workload: 'life', warmUpMs: MEASURE_MS / 4, measureMs: MEASURE_MS, run: '00000' },
      };
      results.push(...measurements(`${connections} x ${inFlight}`, await generator.run(plan)));
    }
    return { results, ratios: [] };
  } finally {
    generator.close();
    target.close();
  }
}

function measurements(shape: string, { done, elapsedMs, generatorCpuMs, latencyUs }: LoadResult): Measurement[] {
  return [
    { name: shape, unit: 'requests/s', value: (done * 1_000) / elapsedMs },
    { name: `${shape} latency`, unit: 'us', value: latencyUs.p50, p50: latencyUs.p50, p99: latencyUs.p99 },
    { name: `${shape} generator cpu`, unit: 'us/request', value: (generatorCpuMs * 1_000) / done },
  ];
}

async function startTarget(): Promise<{ readonly port: number; close(): void }> {
  const child = fork(new URL('./load/echo-process.js', import.meta.url), { stdio: ['ignore', 2, 2, 'ipc'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { port: number }).port));
    child.once('exit', (code) => reject(new Error(`the echo target died (exit code ${code})`)));
  });
  return { port, close: () => child.disconnect() };
}
