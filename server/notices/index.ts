export { Courier, type CourierCounts } from './courier.ts';
export { FileSink } from './file-sink.ts';
export type { Letter } from './letter.ts';
export type { NoticeSink } from './sink.ts';
export { WebhookSink } from './webhook-sink.ts';
