/** The pages: one static file each, which may run its own script and style and nothing else. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HttpResponse } from '../transport/index.ts';

export function readPage(name: 'index.html' | 'status.html'): HttpResponse {
  const html = readFileSync(join(packageRoot(), 'client', 'web', name), 'utf8');
  return {
    status: 200,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policyOf(html),
      'cross-origin-opener-policy': 'same-origin',
    },
    body: html,
  };
}

/** The sources run from the root, the build from `dist/`; the pages stand beside the sources only. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('the package has no package.json above server/');
    folder = parent;
  }
  return folder;
}

/** By hash, not `unsafe-inline`: markup that slipped into the page could not run. */
function policyOf(html: string): string {
  const sources = (element: string) => {
    const bodies = [...html.matchAll(new RegExp(`<${element}>([\\s\\S]*?)</${element}>`, 'g'))];
    return bodies.map(([, body = '']) => `'sha256-${createHash('sha256').update(body).digest('base64')}'`).join(' ');
  };
  return [
    "default-src 'none'",
    `script-src ${sources('script')}`,
    `style-src ${sources('style')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
