export { type AskedPast, readPast } from './past.ts';
