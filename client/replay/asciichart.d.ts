/** asciichart comes without types; this is the part that we use. */
declare module 'asciichart' {
  interface ChartOptions {
    readonly height?: number;
    readonly min?: number;
    readonly max?: number;
    readonly format?: (value: number) => string;
  }
  function plot(series: readonly number[], options?: ChartOptions): string;
  export default { plot };
}
