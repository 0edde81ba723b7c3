/** What a server says to an operator over HTTP; a "no" is a failure of the verb. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { ArgsDef } from 'citty';
import { REFUSALS, type RefusalName } from '../../engine/contract.ts';
import { askHttp } from '../sdk/index.ts';
import { LINE_ARGUMENTS, type LineOptions, tokenFor } from './line.ts';
import { refusalFault, usageFault } from './verb.ts';

/** Of verbs that decide something: the name of who does is kept. */
export const OPERATOR_ARGUMENTS = {
  operator: { type: 'string', description: 'who decides; by default who is logged in here', valueHint: 'NAME' },
  ...LINE_ARGUMENTS,
} as const satisfies ArgsDef;

interface OperatorOptions extends LineOptions {
  readonly operator?: string | undefined;
}

export async function openDesk(
  options: OperatorOptions,
  operator = options.operator ?? userInfo().username,
): Promise<Desk> {
  return new Desk({ url: options.url, token: await tokenFor(options, 'operator', operator) });
}

export class Desk {
  readonly #http: { readonly url: string; readonly token: string };

  constructor(http: { readonly url: string; readonly token: string }) {
    this.#http = http;
  }

  get<T>(path: string): Promise<T> {
    return this.#ask({ method: 'GET', path });
  }

  /** All pages of a list, one after the other. @param path with a query */
  async pages<T>(path: string, take: (page: T) => void): Promise<void> {
    for (let after = ''; ; ) {
      const page = await this.get<T & { readonly nextCursor?: string }>(`${path}&limit=100${after}`);
      take(page);
      if (page.nextCursor === undefined) return;
      after = `&cursor=${encodeURIComponent(page.nextCursor)}`;
    }
  }

  post<T>(path: string, body?: object): Promise<T> {
    return this.#ask({ method: 'POST', path, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  }

  async send<T>(path: string, file: string | undefined): Promise<T> {
    if (file === undefined) throw usageFault('which file?');
    const found = await stat(file).catch(() => null);
    if (found === null || !found.isFile()) throw usageFault(`there is no file ${file}`, '');
    const body = ReadableStream.from(createReadStream(file) as AsyncIterable<Uint8Array>);
    return this.#ask({ method: 'POST', path, body });
  }

  async #ask<T>(question: Parameters<typeof askHttp>[1]): Promise<T> {
    const { status, text } = await askHttp(this.#http, question);
    const answer = JSON.parse(text) as T & { readonly name?: RefusalName; readonly detail?: string };
    if (status < 300) return answer;
    const { name = 'INTERNAL_ERROR', detail } = answer;
    throw refusalFault(name, REFUSALS[name].text, detail);
  }
}
