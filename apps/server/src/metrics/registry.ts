/**
 * Counters, histograms and gauges, and their two texts: OpenMetrics for who asks for it, Prometheus' own for the rest.
 * Label sets have a limit: beyond it they are counted together, so that no stranger's requests fill the memory.
 */
export type Labels = Readonly<Record<string, string>>
export interface Sample { readonly labels: Labels; readonly value: number }

export interface Counter { add(labels: Labels, by?: number): void }
export interface Histogram { observe(labels: Labels, seconds: number): void }
export interface Registry {
  /** Named without `_total`. */
  counter(name: string, help: string): Counter
  histogram(name: string, help: string, buckets: readonly number[]): Histogram
  /** Read when somebody looks. */
  gauge(name: string, help: string, read: () => readonly Sample[] | Promise<readonly Sample[]>): void
  render(format: Format): Promise<string>
}
export type Format = 'openmetrics' | 'prometheus'

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
}

const LABEL_SETS = 400

interface Family { readonly name: string; readonly help: string; readonly type: 'counter' | 'histogram' | 'gauge'; lines(): Promise<string[]> }

export function createRegistry(): Registry {
  const families: Family[] = []
  return {
    counter(name, help) {
      const sums = createSets(() => ({ sum: 0 }))
      families.push({ name, help, type: 'counter', lines: async () => sums.all().map(([labels, { sum }]) => `${name}_total${textOf(labels)} ${numberOf(sum)}`) })
      return { add(labels, by = 1) { sums.of(labels).sum += by } }
    },
    histogram(name, help, buckets) {
      const sets = createSets(() => ({ counts: buckets.map(() => 0), sum: 0, count: 0 }))
      families.push({ name, help, type: 'histogram', lines: async () => sets.all().flatMap(([labels, { counts, sum, count }]) => [
        ...buckets.map((le, index) => `${name}_bucket${textOf({ ...labels, le: numberOf(le) })} ${counts[index] ?? 0}`),
        `${name}_bucket${textOf({ ...labels, le: '+Inf' })} ${count}`, `${name}_sum${textOf(labels)} ${numberOf(sum)}`, `${name}_count${textOf(labels)} ${count}`,
      ]) })
      return {
        observe(labels, seconds) {
          const set = sets.of(labels)
          set.sum += seconds
          set.count++
          for (const [index, le] of buckets.entries()) if (seconds <= le) set.counts[index] = (set.counts[index] ?? 0) + 1
        },
      }
    },
    gauge(name, help, read) {
      families.push({ name, help, type: 'gauge', lines: async () => (await read()).map(({ labels, value }) => `${name}${textOf(labels)} ${numberOf(value)}`) })
    },
    async render(format) {
      const blocks = await Promise.all(families.map(async (family) => {
        // The older text calls a counter by the name of its one sample.
        const name = format === 'prometheus' && family.type === 'counter' ? `${family.name}_total` : family.name
        return [`# HELP ${name} ${family.help}`, `# TYPE ${name} ${family.type}`, ...(await family.lines())]
      }))
      return `${[...blocks.flat(), ...(format === 'openmetrics' ? ['# EOF'] : [])].join('\n')}\n`
    },
  }
}

function createSets<T>(make: () => T) {
  const sets = new Map<string, [Labels, T]>()
  return {
    of(labels: Labels): T {
      const wanted = sets.size < LABEL_SETS || sets.has(keyOf(labels)) ? labels : Object.fromEntries(Object.keys(labels).map((name) => [name, 'other']))
      const known = sets.get(keyOf(wanted))
      if (known !== undefined) return known[1]
      const made = make()
      sets.set(keyOf(wanted), [wanted, made])
      return made
    },
    all: (): [Labels, T][] => [...sets.values()],
  }
}

const keyOf = (labels: Labels): string => JSON.stringify(labels)
function textOf(labels: Labels): string {
  const entries = Object.entries(labels)
  return entries.length === 0 ? '' : `{${entries.map(([name, value]) => `${name}="${value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`).join(',')}}`
}
/** A whole number as a bucket's end is written as a float. */
const numberOf = (value: number): string => (Number.isInteger(value) ? `${value}.0` : String(value))
