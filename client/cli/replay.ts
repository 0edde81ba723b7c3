/** `clickday replay`: the click day of December 2020, on a server of its own or on one that is named. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import type { Role } from '../../engine/contract.ts';
import { openFolderIdentity, type Ready, type Supervisor, supervise } from '../../server/index.ts';
import { type ReplayOptions, runReplay } from '../replay/replay.ts';
import { isKept, renderReport } from '../replay/report.ts';
import { PHASES } from '../replay/schedule.ts';
import { createScreen } from '../replay/screen.ts';
import { nodeSocket } from './line.ts';
import { isWhole, JSON_ARGUMENT, numberArgument, paintOf, print, printJson, usageFault, VerbFault } from './verb.ts';

/** One operation for ten that the press counted: what two shared cores do with citizens and engine on them. */
const SCALE_DEFAULT = '0.1';
const TTL_SECONDS = 3_600;
/** So that eyes can follow the ranks. */
const DAY_MS_MIN_LIVE = 800;

export const replay = defineCommand({
  meta: {
    name: 'replay',
    description: 'Replay 7-15 December 2020 in about a minute, and check that nothing was lost.',
  },
  args: {
    url: { type: 'string', description: 'a running server; by default an own one is started', valueHint: 'URL' },
    data: { type: 'string', description: "the named server's data folder, whose key signs", valueHint: 'DIR' },
    scale: { type: 'string', description: 'part of the country that comes', valueHint: 'X', default: SCALE_DEFAULT },
    seed: { type: 'string', description: 'same seed, same citizens and clicks', valueHint: 'N', default: '20201208' },
    duration: { type: 'string', description: 'seconds for the two click days', valueHint: 'SECONDS', default: '60' },
    transport: { type: 'enum', description: "the own server's", options: ['auto', 'uws', 'ws'], default: 'auto' },
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    if ((args.url === undefined) !== (args.data === undefined)) {
      throw usageFault('--url and --data go together: the tokens are signed with the key of that server');
    }
    const stage = args.url === undefined ? await ownStage(args.transport) : namedStage(args.url, args.data!);
    const screen = createScreen(process.stderr, paintOf(process.stderr));
    try {
      const report = await runReplay({
        url: stage.url,
        WebSocket: nodeSocket(),
        sign: await signerOf(stage.folder),
        onView: (view) => screen.show(view),
        dayMsMin: process.stderr.isTTY === true ? DAY_MS_MIN_LIVE : 0,
        ...schedule(args),
      });
      screen.end();
      if (args.json) printJson(report);
      else print(renderReport(report, paintOf(process.stdout)));
      return isKept(report) ? 0 : 1;
    } finally {
      screen.end();
      await stage.close();
    }
  },
});

function schedule(args: { readonly scale: string; readonly seed: string; readonly duration: string }) {
  const seconds = numberArgument('duration', args.duration, (value) => value >= 4 && value <= 3_600, 'from 4 to 3600');
  return {
    scale: numberArgument('scale', args.scale, (value) => value > 0 && value <= 1, 'above 0, at most 1'),
    seed: numberArgument('seed', args.seed, isWhole, 'a whole number'),
    durationMs: seconds * 1_000,
  } satisfies Partial<ReplayOptions>;
}

async function signerOf(folder: string): Promise<(role: Role, subject: string) => Promise<string>> {
  const { sign } = await openFolderIdentity(folder);
  return (role, subject) => sign({ role, subject, ttlSeconds: TTL_SECONDS });
}

/** Where the replay plays. */
interface Stage {
  readonly url: string;
  readonly folder: string;
  close(): Promise<void>;
}

function namedStage(url: string, folder: string): Stage {
  return { url, folder, close: async () => {} };
}

/** The real thing on a free port and in a folder that goes when it ends, whoever ends it. */
async function ownStage(transport: string): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'clickday-replay-'));
  const now = new Date(PHASES[0]!.fromMs - 60_000).toISOString();
  const { ready, supervisor } = await startServer({ data: folder, port: 0, transport, now, speed: 1, demo: false });
  const close = async () => {
    await supervisor.stop();
    await rm(folder, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void close().finally(() => process.exit(130)));
  }
  return { url: ready.url, folder, close };
}

async function startServer(options: object): Promise<{ readonly ready: Ready; readonly supervisor: Supervisor }> {
  return new Promise((resolve, reject) => {
    const supervisor = supervise({
      options,
      onReady: (ready) => resolve({ ready, supervisor }),
      onEvent: (text) => process.stderr.write(`clickday: ${text}\n`),
    });
    void supervisor.ended.then(() => reject(new VerbFault(1, 'the server did not start; what it said is above')));
  });
}
