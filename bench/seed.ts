/** `npm run seed -- --citizens N --folder DIR [--stores 1|2] [--seed N]`: a data folder with a population in it. */
import { parseArgs } from 'node:util';
import { StorageFault } from '../engine/index.ts';
import { SEEDED_UNTIL } from './seed/population.ts';
import { SeedFault, type SeedProgress, seedFolder } from './seed/seeder.ts';

const CITIZENS_MAX = 16_000_000;

async function main(): Promise<void> {
  const { values } = readArguments();
  const citizenCount = integerOf(values.citizens, { name: '--citizens', max: CITIZENS_MAX });
  const storeCount = integerOf(values.stores, { name: '--stores', max: 64 });
  const seed = integerOf(values.seed, { name: '--seed', max: 2 ** 31 });
  if (values.folder === undefined) throw new SeedFault('name the folder to be made: --folder DIR');
  const { folder } = values;
  const startMs = performance.now();
  const onProgress = (progress: SeedProgress) => print(progressLine(progress, performance.now() - startMs));
  const { recordCount, recordBytes, rowCount } = await seedFolder({
    folder,
    citizenCount,
    storeCount,
    seed,
    onProgress,
  });
  const seconds = (performance.now() - startMs) / 1_000;
  const megabytes = (bytes: number) => `${Math.round(bytes / 1e6).toLocaleString('en-GB')} MB`;
  print(
    `${citizenCount} citizens, ${recordCount} records (${megabytes(recordBytes)} before packing), ${rowCount} rows ` +
      `in ${seconds.toFixed(1)} s; at most ${megabytes(process.resourceUsage().maxRSS * 1_024)} of memory`,
  );
  print(`serve it with: npx clickday serve --data ${folder} --now ${SEEDED_UNTIL}`);
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        citizens: { type: 'string', default: '100000' },
        folder: { type: 'string' },
        stores: { type: 'string', default: '1' },
        seed: { type: 'string', default: '1' },
      },
    });
  } catch (error) {
    throw new SeedFault((error as Error).message);
  }
}

function integerOf(text: string, { name, max }: { readonly name: string; readonly max: number }): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new SeedFault(`${name} is an integer from 1 to ${max}`);
}

function progressLine({ records, rows, placed }: SeedProgress, elapsedMs: number): string {
  const percent = (share: number) => `${(share * 100).toFixed(0).padStart(3)} %`;
  const seconds = (elapsedMs / 1_000).toFixed(0).padStart(5);
  return `${seconds} s  records ${percent(records)}  rows made ${percent(rows)}  rows in place ${percent(placed)}`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().catch((error: unknown) => {
  const isPersons = error instanceof SeedFault || error instanceof StorageFault;
  process.stderr.write(`${isPersons ? error.message : ((error as Error).stack ?? String(error))}\n`);
  process.exitCode = isPersons ? 2 : 1;
});
