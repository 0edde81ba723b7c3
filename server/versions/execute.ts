/** The engine's `execute`, for one client. */
import type { Done, Engine, WalletCommand } from '../../engine/index.ts';
import { type Access, type FeatureRefusal, featureOf } from './access.ts';

export type ClientReply = Done | FeatureRefusal;

/** What was done once is answered again, whatever is off now: the id is asked for before it is refused (promise 2). */
export function executeFor(
  access: Access,
  engine: Engine,
  command: WalletCommand,
  done: (reply: ClientReply) => void,
): void {
  const refusal = access.refusalOf(featureOf(command.body));
  if (refusal === null) {
    engine.execute(command, done);
    return;
  }
  const { citizen, origin, id } = command;
  void engine.outcome(citizen, origin, id).then((outcome) => {
    if (!outcome.ok) done(outcome);
    else if (outcome.value.state === 'not-done') done(refusal);
    else engine.execute(command, done);
  });
}
