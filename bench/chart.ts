/**
 * A report as a picture: bars for figures of one unit, lines for series, and below them where and how it was measured.
 * SVG with its own colours for light and for dark, since a page cannot style a picture.
 */

import { figure, place, type Report, ratioLines } from './report.ts';
import type { Measurement, Series } from './suite.ts';

const WIDTH = 860;
const MARGIN = 24;
const LABEL_WIDTH = 300;
const VALUE_WIDTH = 150;
const LEGEND_WIDTH = 230;
const BAR_HEIGHT = 12;
const ROW_HEIGHT = 24;
const LINE_HEIGHT = 18;
const PLOT_HEIGHT = 200;
const PANEL_GAP = 26;
/** One line of text holds about so many characters. */
const LINE_LENGTH = 128;

interface Colours {
  readonly ground: string;
  readonly ink: string;
  readonly faint: string;
  readonly rule: string;
  readonly tail: string;
  readonly series: readonly string[];
}

const LIGHT: Colours = {
  ...{ ground: '#ffffff', ink: '#1c2024', faint: '#60646c', rule: '#d9d9e0', tail: '#b8d6f2' },
  series: ['#0d74ce', '#d6409f', '#2b9a66', '#cc4e00'],
};
const DARK: Colours = {
  ...{ ground: '#111113', ink: '#edeef0', faint: '#b0b4ba', rule: '#43484e', tail: '#2d5075' },
  series: ['#70b8ff', '#ff8dcc', '#3dd68c', '#ffa057'],
};

/** Plain rules rather than variables, which not every renderer knows. */
function rulesOf({ ground, ink, faint, rule, tail, series }: Colours): string {
  return [
    `.ground { fill: ${ground}; } text { fill: ${ink}; } .faint { fill: ${faint}; } .rule { stroke: ${rule}; }`,
    `.tail { fill: ${tail}; }`,
    ...series.map(
      (colour, index) => `.c${index} { fill: ${colour}; } .line.c${index} { stroke: ${colour}; fill: none; }`,
    ),
  ].join('\n');
}

const STYLE = `
text { font: 12px system-ui, 'DejaVu Sans', sans-serif; }
.title { font-size: 16px; font-weight: 600; }
.unit { font-weight: 600; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.line { stroke-width: 2; }
${rulesOf(LIGHT)}
@media (prefers-color-scheme: dark) {
${rulesOf(DARK)}
}`;

/** Drawn from above, at `y`. */
interface Panel {
  readonly height: number;
  draw(y: number): string;
}

/** @param command how to measure the same again */
export function drawReport(report: Report, command: string): string {
  const panels = [
    ...groupBy(report.results, ({ unit }) => unit).map(([unit, results]) => bars(unit, results)),
    ...groupBy(report.series ?? [], ({ unit, along }) => `${unit} by ${along}`).map(([title, all]) =>
      lines(title, all),
    ),
    texts([...ratioLines(report.ratios, undefined).split('\n'), ...(report.notes ?? [])], ''),
    texts([`${place(report)}. ${command}`], 'faint'),
  ].filter(({ height }) => height > 0);

  let y = MARGIN + 22;
  const drawn: string[] = [];
  for (const panel of panels) {
    y += PANEL_GAP;
    drawn.push(panel.draw(y));
    y += panel.height;
  }
  const height = Math.ceil(y + MARGIN);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">`,
    `<title>${escaped(`clickday bench: ${report.suite}`)}</title>`,
    `<style>${STYLE}\n</style>`,
    `<rect width="${WIDTH}" height="${height}" class="ground"/>`,
    text(MARGIN, MARGIN + 16, report.suite, 'title'),
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

/** A bar for each figure; where the 99th percentile is known it goes on, paler, up to it. */
function bars(unit: string, results: readonly Measurement[]): Panel {
  const top = Math.max(...results.map(({ value, p99 }) => Math.max(value, p99 ?? 0)));
  const room = WIDTH - 2 * MARGIN - LABEL_WIDTH - VALUE_WIDTH;
  const widthOf = (value: number) => (top <= 0 ? 0 : Math.max(1, (value / top) * room));
  const row = ({ name, value, p50 = value, p99 }: Measurement, y: number): string => {
    const x = MARGIN + LABEL_WIDTH;
    const end = x + widthOf(Math.max(value, p99 ?? 0)) + 6;
    return [
      text(x - 8, y + 14, name, 'end'),
      p99 === undefined ? '' : rect(x, y + 4, widthOf(p99), BAR_HEIGHT, 'tail'),
      rect(x, y + 4, widthOf(p99 === undefined ? value : p50), BAR_HEIGHT, 'c0'),
      text(end, y + 14, p99 === undefined ? figure(value) : `p50 ${figure(p50)}, p99 ${figure(p99)}`),
    ].join('');
  };
  return {
    height: LINE_HEIGHT + results.length * ROW_HEIGHT,
    draw: (y) =>
      [
        text(MARGIN, y + 12, unit, 'unit'),
        ...results.map((result, index) => row(result, y + LINE_HEIGHT + index * ROW_HEIGHT)),
      ].join('\n'),
  };
}

function lines(title: string, all: readonly Series[]): Panel {
  const points = all.flatMap((series) => series.points);
  const right = Math.max(...points.map(([along]) => along));
  const top = Math.max(...points.map(([, value]) => value)) || 1;
  const [x0, width] = [MARGIN + 60, WIDTH - 2 * MARGIN - 60 - LEGEND_WIDTH];
  const draw = (y: number): string => {
    const y0 = y + LINE_HEIGHT + PLOT_HEIGHT;
    const at = ([along, value]: readonly [number, number]) =>
      [x0 + (along / right) * width, y0 - (value / top) * PLOT_HEIGHT] as const;
    const axes = [0, 0.5, 1].flatMap((share) => [
      `<path class="rule" d="M${x0} ${y0 - share * PLOT_HEIGHT}h${width}"/>`,
      text(x0 - 8, y0 - share * PLOT_HEIGHT + 4, figure(top * share), 'end faint'),
      text(x0 + share * width, y0 + 18, figure(right * share), 'middle faint'),
    ]);
    const curves = all.map((series, index) => {
      const path = series.points
        .map((point) =>
          at(point)
            .map((part) => part.toFixed(1))
            .join(' '),
        )
        .join('L');
      return `<path class="line ${colourOf(index)}" d="M${path}"/>`;
    });
    const legend = all.map(({ name }, index) => {
      const line = y + LINE_HEIGHT + index * LINE_HEIGHT;
      const mark = rect(x0 + width + 16, line, 10, 10, colourOf(index));
      return `${mark}${text(x0 + width + 32, line + 9, name)}`;
    });
    return [text(MARGIN, y + 8, title, 'unit'), ...axes, ...curves, ...legend].join('\n');
  };
  return { height: LINE_HEIGHT + PLOT_HEIGHT + LINE_HEIGHT + 6, draw };
}

function texts(paragraphs: readonly string[], style: string): Panel {
  const rows = paragraphs.filter((paragraph) => paragraph !== '').flatMap(wrapped);
  return {
    height: rows.length * LINE_HEIGHT,
    draw: (y) => rows.map((row, index) => text(MARGIN, y + 12 + index * LINE_HEIGHT, row, style)).join('\n'),
  };
}

/** At blanks; lines after the first of a paragraph are set in. */
function wrapped(paragraph: string): readonly string[] {
  const rows: string[] = [];
  let row = '';
  for (const word of paragraph.split(' ')) {
    if (row !== '' && row.length + 1 + word.length > LINE_LENGTH) {
      rows.push(row);
      row = `\u2003${word}`;
    } else row = row === '' ? word : `${row} ${word}`;
  }
  return [...rows, row];
}

function colourOf(index: number): string {
  return `c${index % LIGHT.series.length}`;
}

function rect(x: number, y: number, width: number, height: number, style: string): string {
  return `<rect x="${x}" y="${y}" width="${width.toFixed(1)}" height="${height}" class="${style}"/>`;
}

function text(x: number, y: number, content: string, style = ''): string {
  const name = style === '' ? '' : ` class="${style}"`;
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${name}>${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** In the order in which the keys first come. */
function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): [string, Item[]][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return [...groups];
}
