/** The door: what is made once a day for others to fetch. */
export { type HashList, HashLists } from './hash-list.ts';
export { OneShotLinks } from './one-shot-links.ts';
