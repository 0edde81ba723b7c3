/** Minutes that each group of tests may take on two cores; the runner prints them beside what was used. */
export const BUDGET_MINUTES: Readonly<Record<string, number>> = {
  bench: 0.5,
  client: 1,
  contract: 3,
  engine: 1,
  files: 0.5,
  golden: 2,
  http: 0.5,
  identity: 0.5,
  kill: 5,
  model: 3,
  programme: 0.5,
  ranking: 1,
  server: 2,
  session: 0.5,
  snapshots: 1,
  wire: 1,
};
