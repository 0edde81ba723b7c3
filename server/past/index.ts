export { type AskedPast, readDoubles, readPast } from './past.ts';
