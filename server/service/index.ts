/** The door: how the service does, as measured, and its incidents. */
export { FUNCTION_NAMES, FUNCTION_OF, type FunctionName } from './functions.ts';
export { IncidentFile } from './incident-file.ts';
export type { Incident, Part } from './incidents.ts';
export { type Aged, LastGood } from './last-good.ts';
export { Service } from './service.ts';
export { RESULTS } from './tries.ts';
