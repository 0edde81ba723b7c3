#!/usr/bin/env node
/** `clickday`: the command line of the engine. One verb, one file. */
import { stripVTControlCharacters } from 'node:util';
import { type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand } from 'citty';
import { type ExitCode, explain, refuseUnknownOptions, usageFault, type Verbs } from './verb.ts';

/** Loaded when asked for: `token` need not wait for what `serve` needs. */
const VERBS: Verbs = {
  serve: () => import('./serve.ts').then(({ serve }) => serve),
  token: () => import('./token.ts').then(({ token }) => token),
  send: () => import('./send.ts').then(({ send }) => send),
  wallet: () => import('./wallet.ts').then(({ wallet }) => wallet),
  ranking: () => import('./ranking.ts').then(({ ranking }) => ranking),
  ingest: () => import('./ingest.ts').then(({ ingest }) => ingest),
  reconciliation: () => import('./reconciliation.ts').then(({ reconciliation }) => reconciliation),
  errors: () => import('./errors.ts').then(({ errors }) => errors),
  period: () => import('./period.ts').then(({ period }) => period),
  programme: () => import('./programme.ts').then(({ programme }) => programme),
  payout: () => import('./payout.ts').then(({ payout }) => payout),
  reversals: () => import('./reversals.ts').then(({ reversals }) => reversals),
  exclusions: () => import('./exclusions.ts').then(({ exclusions }) => exclusions),
  doubles: () => import('./doubles.ts').then(({ doubles }) => doubles),
  why: () => import('./why.ts').then(({ why }) => why),
  replay: () => import('./replay.ts').then(({ replay }) => replay),
  keygen: () => import('./keygen.ts').then(({ keygen }) => keygen),
  encrypt: () => import('./encrypt.ts').then(({ encrypt }) => encrypt),
  partners: () => import('./partners.ts').then(({ partners }) => partners),
  backup: () => import('./backup.ts').then(({ backup }) => backup),
  restore: () => import('./restore.ts').then(({ restore }) => restore),
  reshard: () => import('./reshard.ts').then(({ reshard }) => reshard),
  verify: () => import('./verify.ts').then(({ verify }) => verify),
  rebuild: () => import('./rebuild.ts').then(({ rebuild }) => rebuild),
  export: () => import('./export.ts').then(({ exportVerb }) => exportVerb),
  doctor: () => import('./doctor.ts').then(({ doctor }) => doctor),
  release: () => import('./release.ts').then(({ release }) => release),
};

const root = defineCommand({
  meta: { name: 'clickday', description: 'The engine for the day when millions press the same button.' },
  subCommands: VERBS,
});

async function run(rawArguments: readonly string[]): Promise<ExitCode> {
  const [name, ...rest] = rawArguments;
  if (name === undefined) {
    await writeUsage(process.stderr, root);
    return 2;
  }
  if (name === '--help' || name === '-h' || name === 'help') return showUsage(root);
  const verb = await loadVerb(name);
  if (rest.includes('--help') || rest.includes('-h')) return showUsage(verb, root);
  refuseUnknownOptions(rest, (await resolved(verb.args)) ?? {});
  const { result } = await runCommand(verb, { rawArgs: rest });
  return typeof result === 'number' ? (result as ExitCode) : 0;
}

async function loadVerb(name: string): Promise<CommandDef> {
  const load = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (load === undefined) throw usageFault(`there is no verb "${name}"`, `there are: ${Object.keys(VERBS).join(', ')}`);
  return (await resolved(load)) as CommandDef;
}

function resolved<T>(value: T | Promise<T> | (() => T | Promise<T>)): T | Promise<T> {
  return typeof value === 'function' ? (value as () => T | Promise<T>)() : value;
}

async function showUsage(verb: CommandDef<ArgsDef>, parent?: CommandDef<ArgsDef>): Promise<ExitCode> {
  await writeUsage(process.stdout, verb, parent);
  return 0;
}

/** citty colours whatever it writes; a pipe wants plain text. */
async function writeUsage(
  stream: NodeJS.WriteStream,
  verb: CommandDef<ArgsDef>,
  parent?: CommandDef<ArgsDef>,
): Promise<void> {
  const usage = await renderUsage(verb, parent);
  stream.write(`${stream.isTTY === true ? usage : stripVTControlCharacters(usage)}\n`);
}

function fail(error: unknown, rawArguments: readonly string[]): ExitCode {
  const { text, exitCode } = explain(error);
  const plain = stripVTControlCharacters(text);
  const isJson = rawArguments.includes('--json');
  process.stderr.write(isJson ? `${JSON.stringify({ error: plain, exitCode })}\n` : `clickday: ${plain}\n`);
  return exitCode;
}

// The output may be a pipe that closes early (`| head`): that is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const rawArguments = process.argv.slice(2);
process.exitCode = await run(rawArguments).catch((error) => fail(error, rawArguments));
