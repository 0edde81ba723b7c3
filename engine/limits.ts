/**
 * Every maximum, in one place, with the reason (promise 10).
 * The inequalities that tie them together are checked when this module loads.
 */
import { invariant } from './assert.ts';

/** A rank move: a citizen's key, two standings and a few numbers. */
const PIECE_ITEM_BYTES_MAX = 100;

export const LIMITS = {
  /** Commands decided in one turn: 1,000 facts make a 60 kB journal record, where LMDB is at its best. */
  batchCountMax: 1_024,
  /** Turns decided but not yet flushed, per shard: one flushing, one on top of it. */
  turnsInFlightMax: 2,
  /** Commands waiting in one mailbox. At 20,000 a second this is 0.4 s of waiting. */
  mailboxCountMax: 8_192,
  /** About how long a full mailbox takes to empty: the earliest moment at which a refused command should return. */
  mailboxDrainMs: 500,
  /** Commands set aside behind an unfinished one of the same wallet or card. */
  deferredCountMax: 8_192,
  /**
   * Commands and records handed to a shard's thread and not answered. No more than one mailbox holds: so whoever
   * is refused for want of room is refused at once, by the front, and no later row overtakes an earlier one.
   */
  changesInFlightMax: 8_192,
  /** How long a thread takes what others say before its turns run: whoever waits for an answer waits for that, too. */
  takeMsMax: 5,
  /** How long a command may wait for its turn before less is let in (faults 64). */
  waitTargetMs: 20,
  /** How long for those who were promised to be let in: then even they are told another time. */
  promisedWaitMsMax: 250,
  /** What a channel did not use of its share of a door is kept for it for so long. */
  shareKeptMs: 250,
  /** Who had more than its share has no claim to it for so long at most. */
  shareOwedMsMax: 2_000,
  /** Commands inside one shard: at the start, and at least. A turn of 16 commands is the shortest that is worth a flush. */
  insideCountFirst: 1_024,
  insideCountMin: 16,
  /** What a shard is thought to do in a second until it was once busy: little, so that little is promised. */
  perSecondFirst: 250,
  /** What measures that wait: one is sent in each tick, and while so many are on their way, none. */
  admissionTickMs: 10,
  probesInFlightMax: 16,
  /** An appointment is at least so far away, and its holder may be late by so much. */
  appointmentMsMin: 100,
  appointmentGraceMs: 30_000,
  /** How long a place is kept for whoever was called before that. */
  calledMsMax: 1_000,
  /** So long nobody found a door full: then nobody who comes will, and what was promised is forgotten. */
  calmMsMin: 5_000,
  /** What one citizen may ask for, over all connections: more than any app does; at once, a few full windows of a socket. */
  citizenPerSecond: 50,
  citizenBurst: 1_024,
  citizensRememberedMax: 100_000,
  /** How long whoever did not wait for its turn gets no other connection, and of how many that is remembered, at 100 bytes each. */
  outsideMs: 10_000,
  outsideMax: 100_000,
  /** How often a second a connection may ask although it was told to slow down; at once, a full window. */
  creditPerSecond: 1,
  /** Of a door, what rows of files fill while hardly anybody else is there; and of each door where somebody is. */
  fileFill: 0.5,
  fileRowsBesideOthers: 16,
  /** So many a second are somebody. */
  othersPerSecondMin: 10,
  /** That are remembered, at 300 bytes each; beyond, a ticket alone stands for one, and then one asker may have several. */
  appointmentsMax: 500_000,
  /** Of tickets that nobody remembers those that were used, at 100 bytes each. */
  ticketsUsedMax: 500_000,
  /** Connections and tokens that were never seen, a second and at once after a rest: 0.27 ms of the front each, and half of it for commands. */
  arrivalsPerSecond: 2_000,
  arrivalsAtOnce: 5_000,
  /** Of that, what a connection costs whose token was seen before: 0.12 ms, the rest is the signature. */
  knownArrivalCost: 0.5,
  /** How much of what may arrive at once is there for whom: so each class leaves room for those above it. */
  partnersFill: 1,
  returningFill: 0.9,
  firstLoginsFill: 0.8,
  /** Beside that, and whoever else comes. */
  firstLoginsPerSecondMin: 100,
  /** From one address, or one subscriber's network of IPv6: a carrier has thousands of citizens behind it. */
  handshakesPerSecondOfAddress: 200,
  /** Requests over HTTP of nobody who is known: 0.03 ms of the front to 0.5 for the metrics, a token to be looked at 0.2. */
  requestsPerSecondOfAddress: 200,
  /** What an address may at once, after a rest: so many seconds of it. */
  secondsAtOnceOfAddress: 10,
  /** Requests over HTTP of one who is known, an issuer that asks for all its citizens: a tenth of the front. */
  requestsPerSecondOfPrincipal: 2_000,
  requestsAtOnceOfPrincipal: 4_000,
  /** Tokens whose signature need not be checked again, at 400 bytes each: of all who are connected at once. */
  tokensVerifiedMax: 120_000,
  /** That are remembered, at 100 bytes each: who cost least lately is forgotten first. */
  addressesMax: 200_000,
  principalsMax: 100_000,
  /** Reads handed to one thread of the engine and not answered: as many again, for twice as many connections. */
  readsInFlightMax: 16_384,
  /** A ring between two threads: all changes in flight, at 250 bytes each, and as much again. */
  ringBytes: 4_194_304,
  /** A ring between two threads of the engine: of 16 shards there are 272, in all 143 MB. */
  ringBytesBetweenShards: 524_288,
  /** A batch for the other thread is closed at this size: what follows travels in the next one. */
  ringBatchBytes: 65_536,
  /** Listed or enabled methods of one wallet. The programme has no limit (domain 2.2); memory must have one. */
  methodCountMax: 64,
  /** Device tokens in one activation. */
  tokenCountMax: 16,
  /** Frames by role, in bytes, checked before decoding. */
  frameBytesMaxCitizen: 4_096,
  frameBytesMaxAcquirer: 262_144,
  /** Rank moves, participants or changed citizens in one message between two parts of the engine: some 50 kB. */
  pieceCount: 500,
  /** Shape of a message: nesting and keys of a citizen's frame. */
  frameDepthMax: 8,
  frameKeysMax: 64,
  /** Commands of one socket that are not yet answered. */
  inFlightPerSocketMax: 256,
  /** Rows of one record-payments frame. */
  rowsPerFrameMax: 512,
  /** Body of one uploaded acquirer file. */
  fileBytesMax: 268_435_456,
  /** Acquirer files taken in at once: as many as the programme's first acquirers. */
  filesAtOnceMax: 12,
  /** Rows of one file that the engine has not answered: all files together leave room in a mailbox. */
  fileRowsInFlightMax: 512,
  /** One row of a file: 16 columns of at most 255 characters, most of them far shorter. */
  fileLineCharactersMax: 4_096,
  /** Lines of one file that its outcome can name: more than the largest file has well-formed rows (117 bytes each). */
  outcomeLinesMax: 2_500_000,
  /** Bad lines of one file that are kept for an operator: nobody puts more right by hand, and a file can come again. */
  errorLinesMax: 1_000,
  /** Sealed bytes of all of them: what is closed goes when there is no room, and then new ones are only counted. */
  errorBytesMax: 67_108_864,
  /** Files that they are of; what is known of each stays in memory. */
  errorFilesMax: 10_000,
  errorsPageMax: 100,
  /** Body of any other HTTP request. */
  httpBodyBytesMax: 65_536,
  /** Page sizes. */
  paymentsPageMax: 100,
  rankingPageMax: 1_000,
  reversalsPageMax: 100,
  exclusionsPageMax: 100,
  /** Reversals given up in one turn of a partition: a backlog of years lets commands pass between. */
  expiredPerTurnMax: 500,
  /** Citizens that one turn of a payout run looks at: some milliseconds, and commands pass between. */
  payoutsPerTurnMax: 512,
  /** Payout records that are read, or changed, in one go. */
  payoutsPageMax: 500,
  /** PARs that are read in one go, where all are: a millisecond or two. */
  parsPerReadMax: 500,
  /** Notices that are read, or changed, in one go. */
  noticesPageMax: 100,
  /** Files of acquirers that are read in one go. */
  filesPageMax: 100,
  /** How far ahead a retry may be set, but for an appointment: that is when its turn comes. */
  retryMsMax: 30_000,
  /** Changed rows that start a checkpoint; here and below, a page counts as its lines. */
  checkpointRowCount: 50_000,
  /** Rows in one checkpoint transaction, at least: small, so that journal commits pass between them. */
  checkpointBatchRows: 1_000,
  /** Transactions of one checkpoint: when more has changed, each takes more rows. */
  checkpointBatchesUsual: 25,
  /** How far the next one is due, of 1, when the last of them is written, and the archive begins; unless somebody waits. */
  checkpointSpread: 0.5,
  /** Rows of an older format looked at in one go: some milliseconds, and then what has arrived goes first. */
  rewriteRowCount: 500,
  /** Rows newer in memory than on disk: from here on a shard takes in nothing until a checkpoint has ended. */
  unwrittenRowCountMax: 400_000,
  /** Rows changed before they are written down where rows are made anew, and of them in one transaction: nobody waits. */
  rebuildRowCount: 200_000,
  rebuildBatchRows: 10_000,
  /** Journal records that start a checkpoint, too. With those that come until it is written, it bounds the time of recovery. */
  journalTailRecordsMax: 200_000,
  /**
   * A ranking is copied when as many moves as one in so many of its participants were made, though not before
   * `checkpointRowCount`. With ten million that is 320 MB every 312,500 moves, 1 kB a move; and a start makes at most
   * about so many moves again.
   */
  rankingCopyShare: 32,
  /** Clean actors kept awake per shard, beside those changed since the last checkpoint. */
  awakeCountMax: 50_000,
  /** Last part of a row's key; LMDB takes keys of 1,978 bytes in pages of 4 kB. */
  rowSubBytesMax: 1_000,
  /** Rows copied out of LMDB at a time: a scan that rests between two of them pins no pages. */
  rowPageCount: 64,
  /** Journal records copied out of LMDB at a time: half a megabyte or so. */
  journalPageCount: 8,
  /** Uncompressed bytes of one block of the archive, the unit of reading, and of one segment, the unit of moving. */
  archiveBlockBytesMax: 1_048_576,
  archiveSegmentBytesMax: 16_777_216,
  /** Journal records removed in one transaction, once they are archived: appends pass between them. */
  trimBatchCount: 500,
  /** Unwrapped citizen keys kept in memory, per store. */
  vaultKeysMax: 20_000,
} as const;

invariant(LIMITS.mailboxCountMax >= LIMITS.batchCountMax, 'a mailbox holds at least one batch');
invariant(
  LIMITS.unwrittenRowCountMax >= 4 * LIMITS.checkpointRowCount,
  'a checkpoint and the rows that come meanwhile have room',
);
invariant(LIMITS.checkpointSpread < 1, 'a checkpoint has ended before the next one is due');
invariant(LIMITS.inFlightPerSocketMax < LIMITS.mailboxCountMax, 'one socket cannot fill a mailbox');
invariant(
  LIMITS.filesAtOnceMax * LIMITS.fileRowsInFlightMax < LIMITS.mailboxCountMax,
  'files alone cannot fill a mailbox',
);
invariant(
  LIMITS.filesAtOnceMax * LIMITS.fileRowsInFlightMax < LIMITS.deferredCountMax,
  'files alone cannot fill the queue behind one card, so their rows are refused at once or not at all',
);
invariant(LIMITS.frameBytesMaxCitizen < LIMITS.frameBytesMaxAcquirer, 'acquirers send batches, citizens do not');
const OF_ADDRESS = LIMITS.handshakesPerSecondOfAddress + LIMITS.requestsPerSecondOfAddress;
invariant(
  5 * OF_ADDRESS <= LIMITS.arrivalsPerSecond &&
    OF_ADDRESS * LIMITS.secondsAtOnceOfAddress <= LIMITS.arrivalsAtOnce * LIMITS.firstLoginsFill,
  'no address keeps all others out',
);
invariant(
  LIMITS.firstLoginsFill < LIMITS.returningFill && LIMITS.returningFill < LIMITS.partnersFill,
  'partners and whoever returns find room before first logins do',
);
invariant(
  LIMITS.arrivalsAtOnce * LIMITS.firstLoginsFill + 60 * LIMITS.arrivalsPerSecond >= 100_000,
  'a hundred thousand connections that broke together are back within a minute, also before a server that knows none (faults 65)',
);
invariant(LIMITS.insideCountMin <= LIMITS.insideCountFirst, 'a door opens at more than it ever closes to');
invariant(LIMITS.insideCountFirst <= LIMITS.changesInFlightMax, 'admission refuses before the front has to');
invariant(
  LIMITS.citizenBurst >= 2 * LIMITS.inFlightPerSocketMax,
  'no window of a socket is more than a citizen may ask',
);
invariant(
  LIMITS.fileRowsBesideOthers <= LIMITS.insideCountFirst * LIMITS.fileFill,
  'rows of files take less where others are',
);
invariant(LIMITS.takeMsMax < LIMITS.waitTargetMs / 2, 'a command waits for its turn, and not for what others say');
invariant(LIMITS.waitTargetMs > LIMITS.admissionTickMs, 'a wait that is too long is seen by more than one probe');
invariant(LIMITS.probesInFlightMax * LIMITS.admissionTickMs > 2 * LIMITS.waitTargetMs, 'and probes go on while it is');
invariant(LIMITS.promisedWaitMsMax > LIMITS.waitTargetMs, 'who was promised to pass may wait longer than who was not');
invariant(LIMITS.changesInFlightMax <= LIMITS.mailboxCountMax, 'the front refuses before a mailbox has to');
invariant(LIMITS.changesInFlightMax <= LIMITS.deferredCountMax, 'nor can the queue behind one card refuse');
invariant(
  LIMITS.filesAtOnceMax * LIMITS.fileRowsInFlightMax < LIMITS.changesInFlightMax,
  'files alone cannot take all that may be in flight',
);
invariant(
  LIMITS.ringBatchBytes + LIMITS.frameBytesMaxAcquirer < LIMITS.ringBytes,
  'a batch fits into an empty ring, whatever its last message is',
);
invariant(
  LIMITS.ringBatchBytes + LIMITS.pieceCount * PIECE_ITEM_BYTES_MAX < LIMITS.ringBytesBetweenShards,
  'so does one between shards',
);
