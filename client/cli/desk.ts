/** What a server says to an operator over HTTP; a "no" is a failure of the verb. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { REFUSALS, type RefusalName } from '../../engine/contract.ts';
import { askHttp } from '../sdk/index.ts';
import { refusalFault, usageFault } from './verb.ts';

export class Desk {
  readonly #http: { readonly url: string; readonly token: string };

  constructor(http: { readonly url: string; readonly token: string }) {
    this.#http = http;
  }

  get<T>(path: string): Promise<T> {
    return this.#ask({ method: 'GET', path });
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
