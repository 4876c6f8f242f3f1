/**
 * `bun run bench -- [--json] [--list] [name…]`: measures, prints, and ends with 0 whatever the figures are; with 1 when a
 * benchmark could not run. With `--json` each figure is one line on stdout as soon as it is known.
 */
import { availableParallelism, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { BerthError } from '@berth/wire/error'
import { benches } from './benches.ts'
import { judge } from './measure.ts'
import type { Result, World } from './measure.ts'

const HELP = `bun run bench -- [options] [name…]

Measures Berth. Without names: everything, one after the other (about 20 minutes).

  --json   one object a line: {name, value, unit, floor, ratio, goal, pass, detail}
  --list   the names
  --help   this text

A missed goal is a figure like any other: the exit code is 1 only when a benchmark could not run.
docs/benchmarks.md says what each one means.`

/** Over this a benchmark is stuck, and says so instead of holding the others. */
const LIMIT_MS = 10 * 60_000

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse(argv)
  if (values.help === true) {
    process.stdout.write(`${HELP}\n`)
    return 0
  }
  if (values.list === true) {
    if (values.json === true) process.stdout.write(`${JSON.stringify(Object.entries(benches).map(([name, { summary }]) => ({ name, summary })))}\n`)
    else for (const [name, { summary }] of Object.entries(benches)) process.stdout.write(`${name.padEnd(widest())}  ${summary}\n`)
    return 0
  }
  return runAll(chosen(positionals), values.json === true)
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: argv.filter((word) => word !== '--'), allowPositionals: true, options: { json: { type: 'boolean' }, list: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } })
  } catch (cause) {
    throw new BerthError('bad_request', cause instanceof Error ? (cause.message.split('. ')[0] ?? '').toLowerCase() : 'cannot read the arguments', { hint: 'see `bun run bench -- --help`', cause })
  }
}

const widest = (): number => Math.max(...Object.keys(benches).map((name) => name.length))

function chosen(names: readonly string[]): readonly string[] {
  const unknown = names.find((name) => benches[name] === undefined)
  if (unknown !== undefined) throw new BerthError('bad_request', `there is no benchmark "${unknown}"`, { hint: '`bun run bench -- --list` names them' })
  return names.length > 0 ? names : Object.keys(benches)
}

async function runAll(names: readonly string[], json: boolean): Promise<number> {
  const interrupt = new AbortController()
  const onSignal = (): void => interrupt.abort(new BerthError('cancelled', 'cancelled'))
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  const results: Result[] = []
  let broken = 0
  for (const name of names) {
    if (interrupt.signal.aborted) break
    try {
      for await (const result of runOne(name, interrupt.signal)) {
        results.push(result)
        if (json) process.stdout.write(`${JSON.stringify(result)}\n`)
        else process.stderr.write(`  ${result.name}: ${result.value} ${result.unit}\n`)
      }
    } catch (error) {
      broken += 1
      report(name, error, json)
    }
  }
  if (!json && results.length > 0) process.stdout.write(table(results))
  return broken > 0 || interrupt.signal.aborted ? 1 : 0
}

async function* runOne(name: string, interrupt: AbortSignal): AsyncGenerator<Result> {
  const bench = await benches[name]?.load()
  if (bench === undefined) return
  // What else this machine does tells how far to trust a figure.
  process.stderr.write(`${name}: ${bench.summary} (${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)})\n`)
  const signal = AbortSignal.any([interrupt, AbortSignal.timeout(bench.limitMs ?? LIMIT_MS)])
  const world: World = { signal, note: (line) => void process.stderr.write(`  ${line}\n`) }
  for await (const figure of bench.run(world)) yield judge(figure)
}

function report(name: string, error: unknown, json: boolean): void {
  const body = error instanceof BerthError ? error.toBody() : { code: 'internal', message: error instanceof Error ? error.message : String(error) }
  if (json) process.stdout.write(`${JSON.stringify({ name, error: body })}\n`)
  process.stderr.write(`✗ ${name}: ${error instanceof BerthError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  if (error instanceof BerthError && error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`)
}

function table(results: readonly Result[]): string {
  const head = ['name', 'value', 'floor', 'ratio', 'goal', '', 'detail']
  const rows = results.map(({ name, value, unit, floor, ratio, goal, pass, detail }) => [name, `${value} ${unit}`, floor === null ? '' : `${floor} ${unit}`, ratio === null ? '' : `${ratio}x`, goal ?? '', pass === null ? '' : pass ? 'met' : 'MISSED', detail])
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  return [head, ...rows].map((row) => `${row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ').trimEnd()}\n`).join('')
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  report('bench', error, process.argv.includes('--json'))
  process.exitCode = 1
}
// A socket that is kept for the next request must not keep the shell waiting.
process.stdout.write('', () => process.exit())
