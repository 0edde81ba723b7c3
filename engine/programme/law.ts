/** The programme in force, read as a programme: a newer version takes the place of the one before as a whole. */
import type { Programme } from '../contract.ts';

/** Each part of an engine has its own, and is told when to go on with another version: none is ever ahead of the disk. */
export class Law implements Programme {
  #programme: Programme;

  constructor(programme: Programme) {
    this.#programme = programme;
  }

  adopt(programme: Programme): void {
    this.#programme = programme;
  }

  get name(): Programme['name'] {
    return this.#programme.name;
  }

  get panSalt(): Programme['panSalt'] {
    return this.#programme.panSalt;
  }

  get periods(): Programme['periods'] {
    return this.#programme.periods;
  }

  get abuseRule(): Programme['abuseRule'] {
    return this.#programme.abuseRule;
  }

  get circuitSenders(): Programme['circuitSenders'] {
    return this.#programme.circuitSenders;
  }
}
